package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

// TestDefragmentAsTheKernel sends fragments to a socket: shuffled, repeated, lost, overlapping, wrong. What the kernel
// hands out is what Defragmenter puts together, but for the policies that Defragmenter tells of.
func TestDefragmentAsTheKernel(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, family := range []struct {
		name     string
		src, dst netip.Addr
	}{{"IPv4", a.Addr4(), b.Addr4()}, {"IPv6", a.Addr6(), b.Addr6()}} {
		t.Run(family.name, func(t *testing.T) {
			k := kernel{t: t, host: a, f: newFeed(t)}
			k.f.link = capture.LinkEthernet
			if err := b.Do(func() (err error) {
				k.conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: family.dst.AsSlice(), Port: 7000})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			defer k.conn.Close()
			if err := a.Do(func() (err error) {
				k.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(k.fd)
			k.eth = append(append(slices.Clone([]byte(b.MAC())), a.MAC()...), 8, 0)
			kind := "ip"
			if family.dst.Is6() {
				kind = "ip6"
				k.eth[12], k.eth[13] = 0x86, 0xdd
			}
			k.datagram = func(payload []byte) []byte {
				return spec(t, fmt.Sprintf("%s{src=%s,dst=%s}/udp{sport=1000,dport=7000}/hex{%x}", kind, family.src, family.dst, payload))
			}
			k.run()
		})
	}
}

// kernel compares one family.
type kernel struct {
	t        *testing.T
	host     *netlab.Host
	f        *feed
	conn     *net.UDPConn
	fd       int
	eth      []byte
	datagram func(payload []byte) []byte
}

// fate is what a case does with its fragments, and who hands the datagram out then.
type fate struct {
	name         string
	ours, theirs bool
	change       func(k *kernel, rng *rand.Rand, whole []byte, parts [][]byte) [][]byte
}

func (k *kernel) run() {
	v6 := k.eth[12] == 0x86
	at := wire.IPv4Len
	if v6 {
		at = wire.IPv6Len
	}
	last := func(parts [][]byte) int { return len(parts) - 1 }
	piece := func(whole []byte, from, to int, id uint32) []byte { return fragment(whole, from, to, id) }
	fates := []fate{
		{"in order", true, true, func(k *kernel, _ *rand.Rand, _ []byte, p [][]byte) [][]byte { return p }},
		{"shuffled", true, true, func(k *kernel, rng *rand.Rand, _ []byte, p [][]byte) [][]byte {
			rng.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
			return p
		}},
		{"repeated", true, true, func(k *kernel, rng *rand.Rand, _ []byte, p [][]byte) [][]byte {
			p = slices.Insert(p, last(p), p[rng.IntN(last(p))], p[rng.IntN(last(p))])
			rng.Shuffle(last(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
			return p
		}},
		{"one lost", false, false, func(k *kernel, rng *rand.Rand, _ []byte, p [][]byte) [][]byte {
			i := rng.IntN(len(p))
			return slices.Delete(p, i, i+1)
		}},
		// Linux discards an IPv4 datagram, too.
		{"overlap", !v6, false, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			return slices.Insert(p, 1, piece(whole, 8, 160+8, id(whole, p)))
		}},
		// What lies inside of what came is taken for a copy by Linux, with other bytes too, and by us in IPv4.
		{"inside, changed", !v6, true, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			changed := bytes.Clone(whole)
			changed[at+20] ^= 0xff
			return slices.Insert(p, 2, piece(changed, 16, 32, id(whole, p)))
		}},
		{"nothing in it, between", true, false, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			return slices.Insert(p, 1, piece(whole, 160, 160, id(whole, p)))
		}},
		// Linux, too, cuts an IPv4 fragment to the multiple; then what comes whole overlaps it.
		{"no multiple of 8, and right again", true, v6, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			return slices.Insert(p, 1, piece(whole, 160, 160+13, id(whole, p)))
		}},
		{"beyond the largest", true, v6, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			far := piece(whole, 160, 320, id(whole, p))
			if v6 {
				binary.BigEndian.PutUint16(far[42:], 65528|1)
			} else {
				seal4(far, 65528, false)
			}
			return slices.Insert(p, 1, far)
		}},
		{"the end is not the end", !v6, false, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			end := p[last(p)]
			return slices.Insert(p[:last(p)], 0, end, piece(whole[:len(whole)-48], (len(whole)-at-80)&^7, -1, id(whole, p)))
		}},
		{"wrong header checksum, and right again", true, true, func(k *kernel, rng *rand.Rand, whole []byte, p [][]byte) [][]byte {
			if v6 {
				return p
			}
			wrong := piece(whole, 160, 320, 0)
			wrong[len(wrong)-1] ^= 1
			wrong[11] ^= 1
			return slices.Insert(p, 1, wrong)
		}},
	}
	for n := range uint32(20 * len(fates)) {
		c := fates[int(n)%len(fates)]
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		payload := text(1000 + rng.IntN(3000))
		binary.BigEndian.PutUint32(payload, n)
		whole := k.datagram(payload)
		if !v6 {
			wire.IPv4(whole[:20]).SetID(uint16(n + 1))
			wire.IPv4(whole[:20]).UpdateChecksum()
		}
		var parts [][]byte
		for from := 0; from < len(whole)-at; from += 160 {
			parts = append(parts, piece(whole, from, from+160, n+1))
		}
		ours := false
		parts = c.change(k, rng, whole, parts)
		for _, p := range parts {
			frame := append(slices.Clone(k.eth), p...)
			if g := k.f.add(frame); g != nil && g.Fate == FragmentWhole {
				ours = true
				k.f.checkWhole(g, whole, 14)
			}
			k.send(frame)
		}
		theirs := k.deliver(n, payload)
		if ours != c.ours || theirs != c.theirs {
			k.t.Errorf("case %d, %s, %d fragments: we have it: %v, want %v; the kernel hands it out: %v, want %v", n, c.name, len(parts), ours, c.ours, theirs, c.theirs)
		}
	}
}

// id returns the identification that fragments have.
func id(whole []byte, parts [][]byte) uint32 {
	if whole[0]>>4 == 4 {
		return 0 // it is in the header
	}
	return binary.BigEndian.Uint32(parts[0][44:])
}

func (k *kernel) send(frame []byte) {
	k.t.Helper()
	to := &unix.SockaddrLinklayer{Ifindex: k.host.Ifindex(), Halen: 6}
	copy(to.Addr[:], frame)
	if err := unix.Sendto(k.fd, frame, 0, to); err != nil {
		k.t.Fatal(err)
	}
}

// deliver sends a datagram in one piece behind the fragments and tells whether the kernel handed out that of case n
// before it.
func (k *kernel) deliver(n uint32, payload []byte) bool {
	k.t.Helper()
	marker := fmt.Appendf(nil, "marker %d", n)
	k.send(append(slices.Clone(k.eth), k.datagram(marker)...))
	found := false
	buf := make([]byte, 1<<16)
	k.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		size, _, err := k.conn.ReadFromUDP(buf)
		switch {
		case err != nil:
			k.t.Fatal(err)
		case bytes.Equal(buf[:size], marker):
			return found
		case bytes.Equal(buf[:size], payload):
			found = true
		default:
			k.t.Fatalf("case %d: the kernel hands out %d other bytes", n, size)
		}
	}
}
