#!/usr/bin/env python3
"""Reads a ComPEFT update with nothing but NumPy, as docs/formats/compeft.md defines it.

    compeft_decode.py FILE                      list every tensor
    compeft_decode.py FILE --compare EXPORT     also compare with the same tensors in float32, bit for bit
    compeft_decode.py FILE --npz FILE           also write every decoded tensor, float32
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np

TYPES = ["F32", "F16", "BF16", "F64"]
PIECE, BLOCK = 1 << 24, 4096


def crc32c(data):
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


class Fields:
    """Numbers one behind the other."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def take(self, layout):
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values if len(values) > 1 else values[0]


def mask(data, count):
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    assert not bits[count:].any(), "padding"
    return bits[:count].astype(np.int8)


def two_masks(data, count, nonzeros, b):
    half = -(-count // 8)
    plus, minus = mask(data[:half], count), mask(data[half:], count)
    assert not (plus & minus).any(), "an entry in both masks"
    return plus - minus


def mask_and_signs(data, count, nonzeros, b):
    half = -(-count // 8)
    signs = mask(data[:half], count)
    signs[signs == 1] = 1 - 2 * mask(data[half:], nonzeros)
    return signs


def rice(data, count, nonzeros, b):
    blocks = -(-count // BLOCK)
    split = len(data) - 4 * (blocks + 1)
    index = np.frombuffer(data[split:], "<u4")
    bits = np.unpackbits(np.frombuffer(data[:split], np.uint8)).tolist()
    assert not any(bits[index[-1]:]) and len(bits) - index[-1] < 8, "padding"
    signs = np.zeros(count, np.int8)
    for block in range(blocks):
        at, end = int(index[block]), int(index[block + 1])
        entry, stop = block * BLOCK, min(count, (block + 1) * BLOCK)
        while at < end:
            gap = 0
            while bits[at]:
                gap, at = gap + 1, at + 1
            at += 1
            for _ in range(b):
                gap, at = 2 * gap + bits[at], at + 1
            entry += gap
            assert entry < stop, "a gap beyond its block"
            signs[entry] = 1 - 2 * bits[at]
            entry, at = entry + 1, at + 1
        assert at == end, "a code across the end of its block"
    return signs


def read(file):
    """Name -> (element type, float32 array) of all tensors."""
    data = file.read_bytes()
    fields = Fields(data, 0)
    assert fields.take("8s") == b"LBCOMPFT", "no ComPEFT update"
    assert fields.take("I") == 1, "another version"
    granularity, rule, code, selection, density, alpha, size, header, count = fields.take("BBBBddQII")
    assert size == len(data), "cut or extended"
    assert struct.unpack("<I", data[-4:])[0] == crc32c(data[:-4]), "CRC-32C"
    print(f"density {density}, alpha {alpha}, {size} bytes")
    vectors = [fields.take("QQQdfI") for _ in range(count if granularity else 1)]
    tensors = []
    for _ in range(count):
        name = data[fields.at + 2:][:fields.take("H")].decode()
        fields.at += len(name.encode())
        kind, dimensions = fields.take("BB")
        shape = [fields.take("Q") for _ in range(dimensions)]
        tensors.append((name, TYPES[kind], shape, *fields.take("Qdd")))
    assert fields.at == header, "header"
    signs = []
    for entries, nonzeros, payload, _, _, b in vectors:
        pieces, end = [np.zeros(0, np.int8)], fields.at + payload
        for start in range(0, entries, PIECE):
            found, length = fields.take("II")
            decode = [two_masks, mask_and_signs, rice][code]
            piece = decode(data[fields.at:fields.at + length], min(PIECE, entries - start), found, b)
            assert np.count_nonzero(piece) == found, "non-zeros of a piece"
            pieces.append(piece)
            fields.at += length
        assert fields.at == end, "payload"
        signs.append(np.concatenate(pieces))
        assert np.count_nonzero(signs[-1]) == nonzeros, "non-zeros"
    assert fields.at == len(data) - 4, "file"
    decoded = {}
    for i, (name, kind, shape, offset, _, _) in enumerate(tensors):
        vector = i if granularity else 0
        part = signs[vector][offset:offset + int(np.prod(shape, dtype=np.int64))]
        # a scale of 0 times -1 is -0, and nothing that was decoded is
        decoded[name] = kind, (part * np.float32(vectors[vector][4]) + np.float32(0)).reshape(shape)
    return decoded


def safetensors(file):
    """Name -> float32 array."""
    data = file.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    return {name: np.frombuffer(data[8 + length:][slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--compare", type=Path)
    arguments.add_argument("--npz", type=Path)
    options = arguments.parse_args()
    decoded = read(options.file)
    others = safetensors(options.compare) if options.compare else {}
    bad = 0
    for name, (kind, values) in decoded.items():
        line = f"{name}  {kind} {list(values.shape)}  {np.count_nonzero(values)} of {values.size}"
        if options.compare:
            other = others.get(name)
            same = other is not None and other.shape == values.shape and other.tobytes() == values.tobytes()
            bad += not same
            line += "  same" if same else "  BAD"
        print(line)
    if options.npz:
        np.savez(options.npz, **{name: values for name, (_, values) in decoded.items()})
    print(f"{len(decoded)} tensors, {bad} bad")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
