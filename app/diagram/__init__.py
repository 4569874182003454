"""Trace → pictures: pure functions that give frozen structs, every coordinate in px; macros turn them into SVG."""

from app.diagram.pictures import Pictures, draw

__all__ = ["Pictures", "draw"]
