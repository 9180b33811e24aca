package inject

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// xdpModel is what a kernel does with the rings (xsk_generic_xmit, net/xdp/xsk.c), with failures at random.
type xdpModel struct {
	e    *xdpEngine
	rng  *rand.Rand
	at   uint32   // its own place in the ring, which it tells only when a frame has left
	way  []uint64 // chunks of frames that have been taken and not yet come back
	sent [][]byte
	busy int
}

// Write calls f as a file does.
func (k *xdpModel) Write(f func(uintptr) bool) error { f(0); return nil }

func (k *xdpModel) Read(func(uintptr) bool) error { panic("nothing is read") }
func (k *xdpModel) Control(func(uintptr)) error   { panic("nothing is set") }
func (k *xdpModel) Close() error                  { panic("nothing is closed") }

// kick is the system call.
func (k *xdpModel) kick(uintptr) bool {
	e := k.e
	e.errno = 0
	budget, left := 1+k.rng.IntN(400), false
	for end := atomic.LoadUint32(e.tx.producer); k.at != end; {
		d := e.desc[k.at%xdpRings]
		if d.Addr >= uint64(len(e.umem)) {
			k.at++
			continue
		}
		if budget--; budget == 0 || k.rng.IntN(300) == 0 {
			e.errno = []syscall.Errno{unix.EAGAIN, unix.ENOBUFS}[k.rng.IntN(2)]
			break
		}
		k.at++
		k.way = append(k.way, d.Addr)
		if k.rng.IntN(300) == 0 {
			e.errno = unix.EBUSY
			k.busy++
			break
		}
		left = true
		k.sent = append(k.sent, bytes.Clone(e.umem[d.Addr:d.Addr+uint64(d.Len)]))
	}
	if left {
		atomic.StoreUint32(e.tx.consumer, k.at)
	}
	k.rng.Shuffle(len(k.way), func(i, j int) { k.way[i], k.way[j] = k.way[j], k.way[i] })
	for n := k.rng.IntN(len(k.way) + 1); n > 0; n-- {
		at := atomic.LoadUint32(e.done.producer)
		e.left[at%xdpRings] = k.way[0]
		k.way = k.way[1:]
		atomic.StoreUint32(e.done.producer, at+1)
	}
	return true
}

// Whatever the kernel says, and whenever it gives chunks back, every frame leaves once and in its order.
func TestXDPModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	start := ^uint32(0) - 3000 // the indices wrap on the way
	ring := func() xdpRing { p, c := start, start; return xdpRing{producer: &p, consumer: &c} }
	e := &xdpEngine{socket: &socket{}, mtu: 1500, chunk: 2048, umem: make([]byte, xdpRings*2048), tx: ring(), done: ring(),
		desc: make([]unix.XDPDesc, xdpRings), left: make([]uint64, xdpRings), next: start, end: start}
	for i := range xdpRings {
		e.free = append(e.free, uint64(i*e.chunk))
	}
	k := &xdpModel{e: e, rng: rng, at: start}
	e.conn, e.step = k, k.kick
	var number uint32
	for number < 20000 {
		packets := make([][]byte, 1+rng.IntN(600))
		for i := range packets {
			packets[i] = binary.BigEndian.AppendUint32(make([]byte, 14+rng.IntN(100)), number)
			number++
		}
		if n, err := e.Send(packets); n != len(packets) || err != nil {
			t.Fatalf("%d of %d, %v", n, len(packets), err)
		}
	}
	if len(k.sent) != int(number) || k.busy == 0 {
		t.Fatalf("%d frames left of %d, %d were dropped", len(k.sent), number, k.busy)
	}
	for i, f := range k.sent {
		if got := binary.BigEndian.Uint32(f[len(f)-4:]); got != uint32(i) {
			t.Fatalf("frame %d was sent as number %d", got, i)
		}
	}
	if e.reap(); len(e.free)+len(k.way) != xdpRings {
		t.Errorf("%d chunks are ours and %d on the way, of %d", len(e.free), len(k.way), xdpRings)
	}
}
