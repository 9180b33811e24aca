//go:build amd64 || arm64

package owner

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// looker tells owners by looking up sockets and processes when a packet is there, without programs in the kernel.
type looker struct {
	diags     []*diag
	limit     int
	users     map[uint32]string
	networks  map[uint32]*found
	processes map[uint64]*Process // by the inodes of their sockets
	cookies   map[uint64]uint64   // inodes
	next      time.Time           // it is not looked again before
	forgotten uint64
}

// found are the sockets of a network namespace, now and when it was looked before: a socket that is closed has packets
// still.
type found struct{ now, before map[ends]uint64 }

func newLooker(cfg *Config) (*looker, error) {
	l := &looker{limit: cfg.sockets(), networks: map[uint32]*found{}}
	if b, err := os.ReadFile("/etc/passwd"); err == nil {
		l.users = users(string(b))
	}
	open := func() error {
		d, err := openDiag()
		if err == nil {
			l.diags = append(l.diags, d)
			l.networks[d.network] = &found{}
		}
		return err
	}
	var err error
	if len(cfg.Namespaces) == 0 {
		err = open()
	}
	for _, namespace := range cfg.Namespaces {
		if err == nil {
			err = capture.Within(namespace, open)
		}
	}
	if err == nil {
		err = l.look()
	}
	if err != nil {
		l.close()
		return nil, &Error{err, "capture without owners"}
	}
	return l, nil
}

func (l *looker) close() {
	for _, d := range l.diags {
		d.close()
	}
	l.diags = nil
}

// lookShare is how much of the time may go into looking: a tenth.
const lookShare = 10

// look looks at all sockets and at all descriptors of processes.
func (l *looker) look() error {
	began := time.Now()
	l.cookies = map[uint64]uint64{}
	wanted, count := map[uint64]bool{}, 0
	for _, d := range l.diags {
		f := l.networks[d.network]
		f.before, f.now = f.now, map[ends]uint64{}
		for _, protocol := range []uint8{wire.ProtoTCP, wire.ProtoUDP} {
			for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
				err := d.dump(family, protocol, func(s *standing) bool {
					if s.inode == 0 {
						return true
					}
					if count == l.limit {
						l.forgotten++
						return true
					}
					count++
					f.now[s.ends], l.cookies[s.cookie], wanted[s.inode] = s.inode, s.inode, true
					return true
				})
				if err != nil && !errors.Is(err, unix.ENOENT) { // of a protocol that this kernel has not
					return err
				}
			}
		}
	}
	l.processes = make(map[uint64]*Process, len(wanted))
	l.descriptors(wanted)
	l.next = time.Now().Add(max(lookShare*time.Since(began), 20*time.Millisecond))
	return nil
}

// descriptors finds the processes that have sockets.
func (l *looker) descriptors(wanted map[uint64]bool) {
	proc, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		var p *Process
		fds, err := os.Open(filepath.Join("/proc", name, "fd"))
		if err != nil {
			continue // it has ended, or is another user's
		}
		list, _ := fds.Readdirnames(-1)
		for _, fd := range list {
			var b [64]byte
			n, err := unix.Readlinkat(int(fds.Fd()), fd, b[:])
			if err != nil {
				continue
			}
			digits, ok := bytes.CutPrefix(b[:n], []byte("socket:["))
			if !ok {
				continue
			}
			inode, err := strconv.ParseUint(strings.TrimSuffix(string(digits), "]"), 10, 64)
			if err != nil || !wanted[inode] || l.processes[inode] != nil && l.processes[inode].PID < pid {
				continue
			}
			if p == nil {
				p = l.process(pid)
			}
			l.processes[inode] = p
		}
		fds.Close()
	}
}

// process reads what proc(5) says of a process.
func (l *looker) process(pid int) *Process {
	task, parent := taskOf(pid)
	p := &Process{PID: pid, Name: task.Name, UID: task.UID, User: l.users[task.UID]}
	p.Exe, p.Args, p.Group = look(pid)
	p.Container, p.Unit = Place(p.Group)
	for parent > 0 && len(p.Parents) < maxParents {
		task, parent = taskOf(parent)
		p.Parents = append(p.Parents, task)
	}
	return p
}

// owners appends those of a frame.
func (l *looker) owners(to []Owner, f *capture.Frame, in uint32) ([]Owner, error) {
	b := network(f)
	sockets := l.networks[in]
	key, ok := flowOf(b, in)
	if b == nil || sockets == nil || !ok {
		return to, nil
	}
	from, dst := key.ends(b[0]>>4 == 6)
	for _, side := range []struct {
		role  Role
		there capture.Direction
		ends  ends
	}{
		{Sender, capture.DirectionOut, ends{uint8(key.protocol), from, dst}},
		{Receiver, capture.DirectionIn, ends{uint8(key.protocol), dst, from}},
	} {
		if f.Direction != side.there && f.Ifindex != loopback {
			continue // the other end is another host's
		}
		p := l.find(sockets, side.ends)
		if p == nil && time.Now().After(l.next) {
			if err := l.look(); err != nil {
				return to, &Error{err, ""}
			}
			p = l.find(sockets, side.ends)
		}
		if p != nil {
			to = append(to, Owner{Process: p, Role: side.role, How: Inferred})
		}
	}
	return to, nil
}

// loopback is the index of the interface lo in each network namespace (LOOPBACK_IFINDEX).
const loopback = 1

// find is the process that has the socket with these ends: connected, bound to the address, or to the port alone.
func (l *looker) find(f *found, e ends) *Process {
	for _, sockets := range []map[ends]uint64{f.now, f.before} {
		for _, local := range []netip.AddrPort{e.local, netip.AddrPortFrom(netip.IPv4Unspecified(), e.local.Port()), netip.AddrPortFrom(netip.IPv6Unspecified(), e.local.Port())} {
			for _, remote := range []netip.AddrPort{e.remote, {}} {
				if p := l.processes[sockets[ends{e.protocol, local, remote}]]; p != nil {
					return p
				}
			}
		}
	}
	return nil
}

// ends are the addresses and ports of a flow.
func (f *flow) ends(six bool) (src, dst netip.AddrPort) {
	a, b := netip.AddrFrom16([16]byte(f.addresses[:16])), netip.AddrFrom16([16]byte(f.addresses[16:]))
	if !six {
		a, b = netip.AddrFrom4([4]byte(f.addresses[:4])), netip.AddrFrom4([4]byte(f.addresses[4:8]))
	}
	return netip.AddrPortFrom(a, uint16(f.ports[0])<<8|uint16(f.ports[1])), netip.AddrPortFrom(b, uint16(f.ports[2])<<8|uint16(f.ports[3]))
}

// socket tells who has a socket, by its cookie.
func (l *looker) socket(cookie uint64) (o Owner, ok bool, err error) {
	p := l.processes[l.cookies[cookie]]
	if p == nil && time.Now().After(l.next) {
		if err := l.look(); err != nil {
			return o, false, &Error{err, ""}
		}
		p = l.processes[l.cookies[cookie]]
	}
	return Owner{Process: p, Role: Receiver, How: Inferred}, p != nil, nil
}

// lookNotes say what a looker knows, and what not.
var lookNotes = slices.Clip([]string{
	"owners are looked up instead of told by the kernel: they are inferred, of TCP and UDP sockets that are there when it is looked",
	"not known so: processes and sockets of a moment, raw and packet sockets, threads, and which of several processes with one socket or port",
})
