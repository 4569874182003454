"""Trace → pictures: pure functions that give frozen structs, every coordinate in px; macros turn them into SVG."""

from app.diagram.scene import Scene, draw_scene

__all__ = ["Scene", "draw_scene"]
