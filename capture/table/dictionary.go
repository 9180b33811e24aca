package table

import (
	"math/bits"
	"unsafe"
)

// dictionary numbers the values of a column, each once.
type dictionary struct {
	numbers []uint64
	strings []string
	bytes   int // of the values, as they are written

	slots []uint32 // of numbers: number of the value plus 1, by its hash; 0 is free
	byKey map[string]int32
	// seen are the strings that came last, by the place where they are: most are of a cache, and come from there again.
	seen [256]struct {
		text  string
		index int32
	}
}

func (d *dictionary) reset() {
	d.numbers, d.bytes = d.numbers[:0], 0
	clear(d.slots)
	clear(d.strings)
	d.strings = d.strings[:0]
	if len(d.byKey) > 0 {
		clear(d.byKey)
		clear(d.seen[:])
	}
}

func (d *dictionary) len() int { return len(d.numbers) + len(d.strings) }

// slot returns where the search for a number begins.
func (d *dictionary) slot(v uint64) uint {
	return uint((v * 0x9e3779b97f4a7c15) >> (64 - bits.Len(uint(len(d.slots)-1))))
}

// number returns the place of a number, of which each takes size bytes.
func (d *dictionary) number(v uint64, size int) int32 {
	if 2*len(d.numbers) >= len(d.slots) {
		d.grow()
	}
	mask := uint(len(d.slots) - 1)
	for i := d.slot(v); ; i = (i + 1) & mask {
		switch at := d.slots[i]; {
		case at == 0:
			d.numbers = append(d.numbers, v)
			d.slots[i] = uint32(len(d.numbers))
			d.bytes += size
			return int32(len(d.numbers) - 1)
		case d.numbers[at-1] == v:
			return int32(at - 1)
		}
	}
}

func (d *dictionary) grow() {
	d.slots = make([]uint32, max(64, 2*len(d.slots)))
	mask := uint(len(d.slots) - 1)
	for k, v := range d.numbers {
		i := d.slot(v)
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = uint32(k + 1)
	}
}

// text returns the place of a string.
func (d *dictionary) text(s string) int32 {
	at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
	e := &d.seen[(at>>4^at>>12^uintptr(len(s)))%uintptr(len(d.seen))]
	if len(e.text) == len(s) && unsafe.StringData(e.text) == unsafe.StringData(s) && len(s) > 0 {
		return e.index
	}
	index, known := d.byKey[s]
	if !known {
		if d.byKey == nil {
			d.byKey = map[string]int32{}
		}
		index = int32(len(d.strings))
		d.strings = append(d.strings, s)
		d.byKey[s] = index
		d.bytes += 4 + len(s)
	}
	e.text, e.index = s, index
	return index
}
