"""Parses and formats sizes in bytes, such as `512MiB`."""

from __future__ import annotations

_DECIMAL = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS = {
    **_DECIMAL,
    **{f"{letter}B": _DECIMAL[letter] for letter in "KMGT"},
    **{f"{letter}iB": 1 << 10 * power for power, letter in enumerate("KMGT", 1)},
}


def parse_size(text: str) -> int:
    """Parse a size such as `512MiB`, and give it in bytes.

    Raises:
        ValueError: the text is not a size.
    """
    digits = text.rstrip("BKMGTi")
    unit = text.removeprefix(digits)
    if unit not in _UNITS:
        raise ValueError(f"not a size: {text}")
    return int(float(digits) * _UNITS[unit]) if "." in digits else int(digits) * _UNITS[unit]


DISK_STEP = 1 << 10  # libvirt calls qemu-img with whole KiB, so disks are rounded up to these


def rounded_up(count: int, step: int = DISK_STEP) -> int:
    """Round up to a multiple of `step`, by default to the size that a disk of `count` bytes gets."""
    return -(-count // step) * step


def format_sizes(first: int, second: int) -> tuple[str, str]:
    """Format two sizes so that they differ: in bytes where they would look the same otherwise."""
    texts = format_size(first), format_size(second)
    return texts if first == second or texts[0] != texts[1] else (f"{first}B", f"{second}B")


def format_size(count: int) -> str:
    """Format bytes with the largest binary unit that is exact, else with one decimal."""
    power = max(0, (count.bit_length() - 1) // 10) if count else 0
    power = min(power, 5)
    while power and count % (1 << 10 * power) and count < 10 << 10 * power:
        power -= 1
    scaled = count / (1 << 10 * power)
    number = f"{scaled:.0f}" if scaled == int(scaled) else f"{scaled:.1f}"
    return number + ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
