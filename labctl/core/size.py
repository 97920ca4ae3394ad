"""Bytes as people read them."""

from __future__ import annotations


def size(count: int) -> str:
    """Write bytes with the largest binary unit that keeps them exact, else with one decimal."""
    power = max(0, (count.bit_length() - 1) // 10) if count else 0
    power = min(power, 5)
    while power and count % (1 << 10 * power) and count < 10 << 10 * power:
        power -= 1
    scaled = count / (1 << 10 * power)
    number = f"{scaled:.0f}" if scaled == int(scaled) else f"{scaled:.1f}"
    return number + ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
