"""How Places205 is found."""

from data.discovery import Finder, by_structure
from data.sets.places205.reader import STRUCTURE

FINDER = Finder(STRUCTURE, by_structure)
