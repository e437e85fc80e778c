"""python -m kvd"""
import sys

from .cli import main

sys.exit(main())
