package main

import (
	"net/netip"

	"sockwire/capture"
	"sockwire/dgram"
	"sockwire/raw/packet"
)

// captureFile writes UDP datagrams as IP packets. Their headers are rebuilt from what the kernel told: addresses,
// ports, TTL and TOS are those on the wire, identification, options and fragmentation are not known. A nil captureFile
// writes nothing.
type captureFile struct {
	w   *capture.Writer
	buf []byte
}

func createCapture(name string) (*captureFile, error) {
	w, err := capture.Create(name, nil)
	if err != nil {
		return nil, err
	}
	about := capture.Interface{Name: "dgrecv", Description: "UDP datagrams, IP headers rebuilt", Link: capture.LinkRaw}
	if err := w.Describe([]capture.Interface{about}); err != nil {
		w.Close()
		return nil, err
	}
	return &captureFile{w: w}, nil
}

func (f *captureFile) close() error {
	if f == nil {
		return nil
	}
	return f.w.Close()
}

func (f *captureFile) write(d *dgram.Datagram, local dgram.Addr) error {
	from := d.From.IP
	if f == nil || !from.IsValid() {
		return nil
	}
	to := d.To.Addr()
	if !to.IsValid() {
		to = local.IP.Addr()
	}
	udp := &packet.UDP{SrcPort: from.Port(), DstPort: local.IP.Port()}
	payload := packet.Payload(d.Payload)
	src, dst := from.Addr().WithZone(""), to.WithZone("")
	var err error
	if src.Is4() && dst.Unmap().Is4() {
		f.buf, err = packet.Append(f.buf[:0], &packet.IPv4{Src: src, Dst: dst.Unmap(), TTL: packet.U8(d.TTL), TOS: d.TOS}, udp, payload)
	} else {
		f.buf, err = packet.Append(f.buf[:0], &packet.IPv6{Src: as16(src), Dst: as16(dst), HopLimit: packet.U8(d.TTL), TrafficClass: d.TOS}, udp, payload)
	}
	if err != nil {
		return err
	}
	return f.w.Write(&capture.Frame{
		Data: f.buf, Length: len(f.buf), Time: d.Time, Link: capture.LinkRaw, Direction: capture.DirectionIn, Drops: uint64(d.Dropped),
	})
}

func as16(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
