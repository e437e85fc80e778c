"""python -m kvd"""
import sys

try:
    from .cli import main
    status = main()
except KeyboardInterrupt:               # before main can answer it
    status = 130
sys.exit(status)
