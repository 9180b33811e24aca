// Package gopackets lets programs on gopacket read the frames of a capture.Source.
//
// It is a package of its own because gopacket/layers costs every program that links it 3.5 ms of start-up.
package gopackets

import (
	"context"
	"io"
	"iter"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"sockwire/capture"
)

// Source lets programs on gopacket read any capture.Source. It is a gopacket.PacketDataSource and a
// gopacket.ZeroCopyPacketDataSource.
type Source struct {
	next func() (capture.Frame, error, bool)
	stop func()
	link capture.LinkType
	held *capture.Frame // the first, which told the link type
}

// New starts reading src, up to its first frame. Close it to free the source for others.
//
// gopacket's own decoders panic on some hostile packets; its PacketSource recovers from that by default,
// and should be left to.
func New(ctx context.Context, src capture.Source) (*Source, error) {
	p := new(Source)
	p.next, p.stop = iter.Pull2(src.Frames(ctx))
	f, err, ok := p.next()
	switch {
	case err != nil:
		p.stop()
		return nil, err
	case ok:
		p.held, p.link = &f, f.Link
	}
	return p, nil
}

// LinkType returns gopacket's name for the link type of the first frame. gopacket has one link type a
// source; one whose interfaces differ needs a Source each. Link types that gopacket does not
// know (capture.LinkLinuxSLL2 is one) decode to a payload.
func (p *Source) LinkType() layers.LinkType {
	if p.link > 0xff {
		return 0xff // no decoder has this number
	}
	return layers.LinkType(p.link)
}

// ReadPacketData returns a copy of the next frame. The error is io.EOF at the end of the source.
func (p *Source) ReadPacketData() ([]byte, gopacket.CaptureInfo, error) {
	b, info, err := p.ZeroCopyReadPacketData()
	if err != nil {
		return nil, info, err
	}
	return append([]byte(nil), b...), info, nil
}

// ZeroCopyReadPacketData returns the next frame; the data is valid until the next call.
func (p *Source) ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error) {
	f, err, ok := p.take()
	if !ok {
		return nil, gopacket.CaptureInfo{}, io.EOF
	}
	if err != nil {
		return nil, gopacket.CaptureInfo{}, err
	}
	info := gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: f.Length, InterfaceIndex: f.Interface}
	return f.Data, info, nil
}

func (p *Source) take() (capture.Frame, error, bool) {
	if f := p.held; f != nil {
		p.held = nil
		return *f, nil, true
	}
	return p.next()
}

// Close ends reading. It does not close the source.
func (p *Source) Close() { p.stop() }

var (
	_ gopacket.PacketDataSource         = (*Source)(nil)
	_ gopacket.ZeroCopyPacketDataSource = (*Source)(nil)
)
