package capture

import (
	"encoding/binary"
	"fmt"
)

// Files of Solaris' snoop, RFC 1761: all numbers are big-endian.

const (
	snoopMagic     = "snoop\x00\x00\x00"
	snoopHeaderLen = 16
	snoopRecordLen = 24
	snoopVersion   = 2
)

// snoopLinks are the link types of the data link numbers that RFC 1761 assigns and of SunATM.
var snoopLinks = map[uint32]LinkType{
	0: LinkEthernet, 2: LinkTokenRing, 4: LinkEthernet, 8: LinkFDDI, 18: LinkSunATM,
}

// snoopLink reads a file header. An error comes with the offset of what is wrong.
func snoopLink(b []byte) (link LinkType, at int, err error) {
	if string(b[:len(snoopMagic)]) != snoopMagic {
		return 0, 0, fmt.Errorf("% x begins no capture file", b[:len(snoopMagic)])
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != snoopVersion {
		return 0, 8, fmt.Errorf("snoop version %d is none that is described: RFC 1761 has version 2", v)
	}
	number := binary.BigEndian.Uint32(b[12:])
	link, ok := snoopLinks[number]
	if !ok {
		return 0, 12, fmt.Errorf("snoop data link %d has no link type that is known", number)
	}
	return link, 0, nil
}

// snoopRecord is the header of a record. Record counts the header, the captured bytes and the padding; drops goes on from
// record to record.
type snoopRecord struct{ length, captured, record, drops, sec, micro uint32 }

func (s *snoopRecord) read(b []byte) {
	u := binary.BigEndian.Uint32
	*s = snoopRecord{u(b), u(b[4:]), u(b[8:]), u(b[12:]), u(b[16:]), u(b[20:])}
}

// check holds the lengths against each other.
func (s *snoopRecord) check() error {
	switch {
	case s.record > maxRecord:
		return fmt.Errorf("a record of %d bytes: the longest that is believed is %d", s.record, maxRecord)
	case s.record < snoopRecordLen || s.captured > s.record-snoopRecordLen:
		return fmt.Errorf("a record of %d bytes has no room for a header and the %d bytes that it says it has", s.record, s.captured)
	}
	return nil
}
