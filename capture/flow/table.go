package flow

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

const (
	slabBits = 10
	slabSize = 1 << slabBits
	none     = ^uint32(0)

	slotBits   = 24 // of an entry; the others are a part of the hash
	slotMask   = 1<<slotBits - 1
	maxStreams = slotMask - 1
)

// table finds streams by their keys and knows in which order they were used. The streams stand in slabs, which are
// never moved and used again; the index is open-addressed (linear probing), 4 bytes a place, at most three quarters
// full.
type table struct {
	slabs  [][]Stream
	index  []entry
	seed   uint64
	used   int    // streams in the index
	made   uint32 // slots that were ever used
	free   []uint32
	newest uint32
	oldest uint32
}

// entry is a place of the index: the highest bits of the hash, and the stream's slot plus 1; 0 is empty.
type entry uint32

func entryOf(hash uint64, slot uint32) entry { return entry(uint32(hash>>32)&^slotMask | (slot + 1)) }
func (e entry) slot() uint32                 { return uint32(e)&slotMask - 1 }

func (t *table) init() {
	t.index = make([]entry, 64)
	t.seed = rand.Uint64() // so that nobody can choose keys that collide; nothing else depends on it
	t.newest, t.oldest = none, none
}

func (t *table) at(slot uint32) *Stream { return &t.slabs[slot>>slabBits][slot&(slabSize-1)] }

// hash mixes the ends of the key by wide multiplications. The link is left out: see find.
func (t *table) hash(k *key) uint64 {
	h := mix(t.seed^uint64(k.ports), 0x9e3779b97f4a7c15)
	h = mix(h^binary.LittleEndian.Uint64(k.a[:]), 0xa0761d6478bd642f^binary.LittleEndian.Uint64(k.b[:]))
	if k.family == 6 {
		h = mix(h^binary.LittleEndian.Uint64(k.a[8:]), 0xe7037ed1a0b428db^binary.LittleEndian.Uint64(k.b[8:]))
	}
	return h
}

func (t *table) hashOf(s *Stream) uint64 {
	k := s.whole()
	return t.hash(&k)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// find returns the stream with key k of which the first end sends, or else the other; or nil. Where each direction has
// a link of its own, as on mirrored ports and in overlays, it is the stream between these ends that has seen nothing of
// this direction so far.
func (t *table) find(k *key, hash uint64, forward bool) (best *Stream) {
	mask := uint64(len(t.index) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := t.index[i]
		if e == 0 {
			return best
		}
		if (uint64(e)<<32^hash)>>(32+slotBits) == 0 {
			s := t.at(e.slot())
			if s.is(k) {
				return s
			}
			if s.matches(k, forward) {
				if s.apart() {
					return s
				}
				best = s
			}
		}
	}
}

// matches reports whether a packet with key k, which has another link, can belong to s.
func (s *Stream) matches(k *key, forward bool) bool {
	if !s.between(k) || s.link().Interface != k.link.Interface {
		return false
	}
	d := Backward
	if forward != s.swapped {
		d = Forward
	}
	if s.apart() {
		return s.more != nil && s.more[d].trouble != nil && s.more[d].trouble.link == k.link
	}
	return s.half[d].packets == 0 && s.half[d.Other()].packets > 0 && s.state < Closed
}

// add makes a stream, which becomes the newest.
func (t *table) add(k *key, hash uint64) *Stream {
	if (t.used+1)*4 > len(t.index)*3 {
		t.grow()
	}
	var slot uint32
	if n := len(t.free); n > 0 {
		slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		slot = t.made
		t.made++
		if int(slot>>slabBits) == len(t.slabs) {
			t.slabs = append(t.slabs, make([]Stream, slabSize))
		}
	}
	s := t.at(slot)
	*s = Stream{slot: slot, newer: none, older: none}
	s.keep(k)
	t.insert(hash, slot)
	t.used++
	t.push(s)
	return s
}

func (t *table) insert(hash uint64, slot uint32) {
	mask := uint64(len(t.index) - 1)
	i := hash & mask
	for t.index[i] != 0 {
		i = (i + 1) & mask
	}
	t.index[i] = entryOf(hash, slot)
}

func (t *table) grow() {
	old := t.index
	t.index = make([]entry, 2*len(old))
	for _, e := range old {
		if e != 0 {
			t.insert(t.hashOf(t.at(e.slot())), e.slot())
		}
	}
}

// unlink takes s out of the index, so that its key can be used again. Its slot stays taken.
func (t *table) unlink(s *Stream) {
	mask := uint64(len(t.index) - 1)
	i := t.hashOf(s) & mask
	for t.index[i] == 0 || t.index[i].slot() != s.slot {
		i = (i + 1) & mask
	}
	for j := i; ; { // close the gap: move back what the probe would no longer find
		j = (j + 1) & mask
		e := t.index[j]
		if e == 0 {
			break
		}
		home := t.hashOf(t.at(e.slot())) & mask
		if (j-home)&mask >= (j-i)&mask {
			t.index[i] = e
			i = j
		}
	}
	t.index[i] = 0
	t.used--
	t.pull(s)
}

// release gives the slot of an unlinked stream free.
func (t *table) release(s *Stream) { t.free = append(t.free, s.slot) }

// touch makes s the newest.
func (t *table) touch(s *Stream) {
	if t.newest != s.slot {
		t.pull(s)
		t.push(s)
	}
}

func (t *table) push(s *Stream) {
	s.newer, s.older = none, t.newest
	if t.newest != none {
		t.at(t.newest).newer = s.slot
	} else {
		t.oldest = s.slot
	}
	t.newest = s.slot
}

func (t *table) pull(s *Stream) {
	if s.newer != none {
		t.at(s.newer).older = s.older
	} else {
		t.newest = s.older
	}
	if s.older != none {
		t.at(s.older).newer = s.newer
	} else {
		t.oldest = s.newer
	}
}
