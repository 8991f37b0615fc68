# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Outlines of masks as polylines."""

import cv2
import numpy as np

from vis_ros.structures.masks import CropMask


def outlines(
    mask: CropMask, *, tolerance_px: float = 0.5, most: int = 16, most_points: int = 256
) -> list[np.ndarray]:
    """Return the closed lines around a mask's parts, and around the holes in them.

    A line runs through the centres of the pixels at the edge, half a pixel inside of it. Parts of
    a single pixel have no line.

    Args:
        mask: The mask.
        tolerance_px: How far the line may stray from those centres [px]; 0 for not at all.
        most: Lines at most; the longest are kept.
        most_points: Points of a line at most; a longer one is made coarser until it fits.

    Returns:
        float64 arrays (P, 2) of x and y in the source image [px], P at least 2, longest line
        first; the last point is joined to the first.
    """
    if not mask.pixels.any():
        return []
    pixels = np.ascontiguousarray(mask.pixels).view(np.uint8)
    found, _ = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    lines = sorted(found, key=lambda line: cv2.arcLength(line, True), reverse=True)[:most]
    corner = np.array([mask.x + 0.5, mask.y + 0.5])
    coarse = [_coarser(line, tolerance_px, most_points) for line in lines]
    return [line.astype(np.float64) + corner for line in coarse if len(line) > 1]


def _coarser(line: np.ndarray, tolerance_px: float, most_points: int) -> np.ndarray:
    """Return the line (P, 1, 2) with fewer points, as (Q, 2)."""
    found = cv2.approxPolyDP(line, tolerance_px, True) if tolerance_px > 0 else line
    while len(found) > most_points:
        tolerance_px = max(2 * tolerance_px, 1.0)
        found = cv2.approxPolyDP(line, tolerance_px, True)
    return found.reshape(-1, 2)
