"""How VOC2007 is found."""

from data.discovery import Finder, by_structure
from data.sets.voc07.reader import STRUCTURE

FINDER = Finder(STRUCTURE, by_structure)
