//go:build amd64 || arm64

package ebpf

import (
	"slices"
	"testing"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
	"sockwire/capture/trace/show"
)

// aRecord has a part of each kind.
func aRecord() []byte {
	b := make([]byte, headerSize)
	b[hKind] = uint8(recordLeave)
	order.PutUint64(b[hTime:], 12345)
	order.PutUint64(b[hThread:], 7<<32|8)
	order.PutUint64(b[hNumber:], 0)
	order.PutUint64(b[hResult:], 3)
	order.PutUint64(b[hArgs:], 5)
	order.PutUint64(b[hArgs+8:], 0x1000)
	order.PutUint64(b[hArgs+16:], 100)
	part := func(key uint64, kind uint32, payload []byte) {
		h := make([]byte, partHeader)
		order.PutUint64(h, key)
		order.PutUint32(h[pLength:], uint32(len(payload)))
		order.PutUint32(h[pKind:], kind)
		b = append(append(b, h...), payload...)
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
	}
	s := make([]byte, socketSize)
	order.PutUint32(s[iFD:], 5)
	order.PutUint16(s[iFamily:], 1)
	order.PutUint16(s[iType:], 1)
	part(99, partSocket, s)
	part(99, partLocal, []byte("\x01\x00/run/x\x00"))
	part(99, partRemote, []byte("\x01\x00\x00peer"))
	part(0x1000, partMemory, []byte("abc"))
	return b
}

func TestParse(t *testing.T) {
	var r record
	if err := r.parse(aRecord()); err != nil {
		t.Fatal(err)
	}
	s := r.socket(5)
	if r.pid != 7 || r.tid != 8 || r.time != 12345 || r.result != 3 || s == nil || s.id != 99 || s.local.Unix != "/run/x" || s.remote.Unix != "@peer" {
		t.Fatalf("%+v", r)
	}
	b := make([]byte, 10)
	if n := r.ReadMemory(b, 0x1001); string(b[:n]) != "bc" {
		t.Errorf("memory %q", b[:n])
	}
	if n := r.ReadMemory(b, 0x1003); n != 0 {
		t.Errorf("%d bytes that are not there", n)
	}
	if err := r.parse(aRecord()[:headerSize+20]); err == nil {
		t.Error("half a part was taken")
	}
}

// tracerOf returns a tracer without programs that knows the process of a record.
func tracerOf(r *record) *Tracer {
	t := &Tracer{
		clock: trace.NewClock(), threads: map[int]*thread{}, processes: map[int]*process{}, requests: map[uint64]*thread{},
		streams: map[trace.SocketID]*stream{}, record: r, kernel: new(kernel),
	}
	t.sockets = abi.NewSockets("", moment{t}, t.emit)
	t.processes[r.pid] = &process{Process: abi.Process{PID: r.pid}}
	return t
}

// TestRequestsAreBounded: a program may submit without end what never completes.
func TestRequestsAreBounded(t *testing.T) {
	var r record
	if err := r.parse(aRecord()); err != nil {
		t.Fatal(err)
	}
	r.kind = recordSubmit
	tr := tracerOf(&r)
	for r.sequence = 1; r.sequence <= 5*ringsLimit; r.sequence++ {
		tr.take(&r)
		tr.events = slices.DeleteFunc(tr.events, func(e trace.Event) bool { _, told := e.(*trace.Note); return !told })
	}
	_, newest := tr.requests[5*ringsLimit]
	if _, oldest := tr.requests[1]; len(tr.requests) > 2*ringsLimit || !newest || oldest || len(tr.events) != 1 {
		t.Errorf("%d requests, the newest %v, the oldest %v, %d notes", len(tr.requests), newest, oldest, len(tr.events))
	}
}

// FuzzRecord: whatever the ring holds, reading it gives a record or an error, and the tracer a call that is sane.
func FuzzRecord(f *testing.F) {
	f.Add(aRecord())
	for kind := range uint8(recordComplete + 1) {
		b := aRecord()
		b[hKind] = kind
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r record
		if r.parse(slices.Clone(b)) != nil {
			return
		}
		size := 0
		for _, m := range r.memory {
			size += len(m.b)
		}
		if size+len(r.sockets)*socketSize > len(b) {
			t.Fatalf("%d bytes of memory and %d sockets in %d bytes", size, len(r.sockets), len(b))
		}
		tr := tracerOf(&r)
		for _, kind := range []recordKind{recordEnter, r.kind, recordLeave} {
			r.kind = kind
			tr.take(&r)
		}
		show.Append(nil, trace.Correlate(tr.events), show.Options{})
	})
}
