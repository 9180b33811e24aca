package flow

// buffer holds bytes of a direction that came before those that they follow, and the ones handed out that are not yet
// acknowledged, which later packets are compared with.
type buffer struct {
	pieces []early
	held   int64 // bytes of the pieces, and what they cost
	out    int64 // all before was handed out
	gone   int64 // what is not here before this will not come
	wanted bool  // else nothing is
	kept   kept
	begun  bool
	ended  bool
}

// early is a stretch of bytes that is held.
type early struct {
	from   int64
	data   []byte // as far as it was captured
	to     int64
	packet uint64
}

// earlyCost is what a piece costs beside its bytes.
const earlyCost = 64

// memory is how many bytes the buffer takes.
func (b *buffer) memory() int64 { return b.held + int64(cap(b.kept.data)) }

// find returns the index of the first piece that reaches behind pos.
func (b *buffer) find(pos int64) int {
	lo, hi := 0, len(b.pieces)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); b.pieces[mid].to > pos {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// put holds the bytes [from, to) of data, where nothing is held so far.
func (b *buffer) put(i int, from, to int64, data []byte, packet uint64) {
	b.pieces = append(b.pieces, early{})
	copy(b.pieces[i+1:], b.pieces[i:])
	b.pieces[i] = early{from: from, to: to, data: append([]byte(nil), data...), packet: packet}
	b.held += int64(len(data)) + earlyCost
}

// drop forgets the first n pieces.
func (b *buffer) drop(n int) {
	for i := range b.pieces[:n] {
		b.held -= int64(len(b.pieces[i].data)) + earlyCost
	}
	m := copy(b.pieces, b.pieces[n:])
	clear(b.pieces[m:])
	b.pieces = b.pieces[:m]
}

// bytesOf returns what of data, which is the captured start of the bytes from at on, belongs to [from, to).
func bytesOf(data []byte, at, from, to int64) []byte {
	lo, hi := min(from-at, int64(len(data))), min(to-at, int64(len(data)))
	return data[lo:hi]
}

// kept holds the last bytes that were handed out, so that what comes again can be compared with them.
type kept struct {
	data []byte
	to   int64
}

// keepAcknowledged is how many acknowledged bytes are kept too.
const keepAcknowledged = 8 << 10

// keepAlone is how many bytes are kept at most of a direction whose other one has not been seen: nothing tells what was
// acknowledged.
const keepAlone = 4 * keepAcknowledged

// maxSpare is the most memory of them that is used again: what a direction has that goes on with a window of a few
// segments.
const maxSpare = 2 * keepAlone

// add notes bytes that end at to.
func (k *kept) add(data []byte, to int64, most int) {
	if k.to != to-int64(len(data)) || len(data) > most {
		k.data = k.data[:0]
	}
	if len(data) > most {
		data = data[len(data)-most:]
	}
	if over := len(k.data) + len(data) - most; over > 0 { // and not a little each time: the others are moved
		over = min(max(over, most/2), len(k.data))
		k.data = k.data[:copy(k.data, k.data[over:])]
	}
	k.data, k.to = append(k.data, data...), to
}

// trim forgets what was acknowledged a while ago.
func (k *kept) trim(acked int64) {
	from := k.to - int64(len(k.data))
	if old := acked - keepAcknowledged - from; old > keepAcknowledged {
		old = min(old, int64(len(k.data)))
		k.data = k.data[:copy(k.data, k.data[old:])]
	}
}

// differ counts the bytes of data, which starts at from, that are not those that were handed out.
func (k *kept) differ(data []byte, from int64) int {
	start := k.to - int64(len(k.data))
	if from < start {
		data = data[min(start-from, int64(len(data))):]
		from = start
	}
	if from >= k.to {
		return 0
	}
	return different(data, k.data[from-start:])
}

// different counts the places where a and b differ, as far as both reach.
func different(a, b []byte) (n int) {
	m := min(len(a), len(b))
	if string(a[:m]) == string(b[:m]) {
		return 0
	}
	for i := range m {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
