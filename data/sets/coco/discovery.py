"""How COCO is found."""

from data.discovery import Finder, by_structure
from data.sets.coco.reader import STRUCTURE

FINDER = Finder(STRUCTURE, by_structure)
