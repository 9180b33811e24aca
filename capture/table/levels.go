package table

import (
	"encoding/binary"
	"math/bits"
)

// bitset is a row of bits: levels of 0 and 1, or flags.
type bitset struct {
	words []uint64
	n     int
}

func (b *bitset) reset() { b.words, b.n = b.words[:0], 0 }

// zeros adds n bits that are 0.
func (b *bitset) zeros(n int) {
	b.n += n
	for len(b.words)*64 < b.n {
		b.words = append(b.words, 0)
	}
}

// set makes bit i, which is there, 1.
func (b *bitset) set(i int) { b.words[uint(i)/64] |= 1 << (uint(i) % 64) }

// ones adds n bits that are 1.
func (b *bitset) ones(n int) {
	at := b.n
	b.zeros(n)
	for n > 0 {
		k := min(64-at%64, n)
		b.words[at/64] |= (^uint64(0) >> (64 - k)) << (at % 64)
		at, n = at+k, n-k
	}
}

// appendBytes appends the bits, the first lowest, in whole bytes.
func (b *bitset) appendBytes(to []byte) []byte {
	for _, w := range b.words {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to[:len(to)-(len(b.words)*64-b.n)/8]
}

// appendLevels appends the bits as levels of at most 1 are encoded: runs of the same bit, and bits as they are. (Apache
// Parquet, Encodings: RLE/bit-packing hybrid.)
func (b *bitset) appendLevels(to []byte) []byte {
	for i := 0; i < len(b.words); {
		k := i
		for k < len(b.words) && !b.even(k) {
			k++
		}
		if k > i { // as they are
			n := (min(b.n, k*64) - i*64 + 7) / 8
			to = binary.AppendUvarint(to, uint64(n)<<1|1)
			end := len(to) + n
			for ; i < k; i++ {
				to = binary.LittleEndian.AppendUint64(to, b.words[i])
			}
			to = to[:end]
			continue
		}
		level := b.words[i] & 1
		for k < len(b.words) && b.even(k) && b.words[k]&1 == level {
			k++
		}
		to = binary.AppendUvarint(to, uint64(min(b.n, k*64)-i*64)<<1)
		to = append(to, byte(level))
		i = k
	}
	return to
}

// even tells whether all bits of word i are the same.
func (b *bitset) even(i int) bool {
	w := b.words[i]
	return w == 0 || w == ^uint64(0)>>max(0, (i+1)*64-b.n)
}

// count returns how many bits are 1.
func (b *bitset) count() (n int) {
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}
