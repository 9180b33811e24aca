package raw

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// Message is what a [Pinger] sends.
type Message uint8

// Messages.
const (
	EchoRequest      Message = iota // echo (RFC 792, RFC 4443)
	TimestampRequest                // ICMP timestamp (RFC 792), IPv4 only
	ExtendedEcho                    // extended echo: asks after an interface of the target (RFC 8335)
)

// Fragmentation is what becomes of echoes larger than the path's MTU; the names are those of ping -M.
type Fragmentation uint8

// Ways to deal with the path MTU: see IP_MTU_DISCOVER in ip(7).
const (
	FragmentDefault Fragmentation = iota // the system's default
	FragmentDo                           // never fragment: set DF and refuse what is larger than the MTU known
	FragmentWant                         // fragment here, set DF where it fits
	FragmentDont                         // never set DF
	FragmentProbe                        // set DF and ignore the MTU known
)

// SocketKind chooses the socket that a [Pinger] opens.
type SocketKind uint8

// Kinds of socket.
const (
	AnySocket  SocketKind = iota // a raw socket if the process may, else a ping socket
	RawSocket                    // a raw socket: sees damaged replies, has a million identifiers
	PingSocket                   // a ping socket: 65,536 identifiers; the kernel drops damaged replies
)

// Stamps chooses whether a [Pinger] asks the kernel when each echo was handed to the device. That splits round trips
// and finds drops in the local queue after the fact; it costs some two microseconds of processor time per echo.
//
// Unless they are off, a network device that stamps packets by its own clock is asked too if its stamping has been
// turned on, for both directions and all packets, and round trips are timed by it where both its stamps have come.
type Stamps uint8

// Choices for send timestamps. Receive timestamps are always the kernel's where it has them.
const (
	StampsAuto     Stamps = iota // of each echo up to 20,000 per second, beyond that of one in 16: see Report.Unstamped
	StampsOn                     // of each
	StampsOff                    // of none
	StampsHardware               // of each; and turn the device's stamping on, which needs CAP_NET_ADMIN and outlasts the run
)

// Pinger sends echoes and follows each to its end. The zero value is ready: one echo per second to each target until
// the context ends. A Pinger may be used by several goroutines at once; do not change it meanwhile.
type Pinger struct {
	Count    int           // echoes to each target; 0 is until the context ends
	Interval time.Duration // between echoes to one target; 0 is one second
	Gap      time.Duration // least time between any two echoes; 0 is none
	// Slack lets echoes due within it be sent together and answers be taken in that often, which saves wake-ups when
	// there are many slow targets; 0 does all at once. It does not touch the times, which are the kernel's.
	Slack   time.Duration
	Preload int // echoes sent at once to each target at the start, 0 to 65536
	// Window, if not 0, sends as soon as fewer than Window echoes are unanswered, and at least one per Interval.
	Window int
	// Timeout is after how long an answer is late; 0 is one second.
	Timeout time.Duration
	// Late is how long after the timeout an answer is still waited for before the echo ends as Lost; 0 is Timeout but
	// at most a second, and then the wait does not prolong the run. A still later answer revises the loss, as long as
	// the run lasts and the echo is among the latest 65,536.
	Late time.Duration
	// Retries repeats an echo that is not answered in time, up to so many times, each waiting Backoff times as long as
	// the one before (0 is 1.5, at least 1). It needs Count 1.
	Retries int
	Backoff float64

	Message   Message
	Interface ProbeInterface // what ExtendedEcho asks after
	Size      int            // bytes of payload, to 65507; 0 is 56, -1 is none. From 16 on a reply proves to be one
	Pattern   []byte         // fills the payload behind its first 16 bytes, repeated

	Family    int        // 4 or 6; 0 is both
	Source    netip.Addr // address to send from
	Device    string     // interface to send on and receive from
	TTL, TOS  uint8      // 0 is the system's default
	Mark      uint32     // firewall mark
	FlowLabel uint32     // IPv6 flow label, 20 bits; 0 leaves it to the system
	Fragment  Fragmentation
	Options   []byte // IPv4 options of each echo, at most 40 bytes: see RecordRoute and TimestampOption
	Broadcast bool   // permits broadcast targets; several may answer one echo
	NoLoop    bool   // echoes to a multicast group are not looped back to this host

	Socket SocketKind
	Stamps Stamps
	// ReadBuffer is the receive buffer to ask for, bytes; 0 is 4 MiB.
	ReadBuffer int
	SendBuffer int // the send buffer to ask for, bytes; 0 is the system's default
	// QuickEnd ends the run, once all is sent and something was answered, after twice the longest round trip, but at
	// least Interval and 50 ms, even if Timeout is longer.
	QuickEnd bool
	// Overdue also yields an echo, as Pending with Echo.Overdue set, when its timeout has passed.
	Overdue bool

	base uint16 // first identifier of the block; 0 is chosen at random
}

// ProbeInterface names the interface that an extended echo asks after; the first that is set counts.
type ProbeInterface struct {
	Name  string // by name (ifName)
	Index uint32 // by index (ifIndex)
	Addr  netip.Addr
}

// Echo is one echo and what became of it.
type Echo struct {
	Target netip.Addr
	Index  int    // of the target in the order of the sequence, from 0
	Seq    int    // of the echo among those to its target, from 1
	N      uint64 // of the echo among all of the run, from 1; its low 16 bits are the sequence number on the wire

	Outcome probe.Outcome
	Cause   probe.Cause
	// Duplicate: a further answer to an echo that has ended. It is apart from the ends: it belongs in no count but its
	// own.
	Duplicate bool
	// Overdue: no end, but a report that the timeout has passed (see Pinger.Overdue). Outcome is Pending.
	Overdue bool
	// Revised: more became known of an echo that was yielded before as ended in Was for WasCause: an answer came after
	// a loss, an error or a damaged copy, or an error came that explains a loss. This end takes the place of that one
	// in every count. Done is set again only where it makes a target alive that was said to be done without an answer.
	Revised  bool
	Was      probe.Outcome
	WasCause probe.Cause
	// Unproven: Refused or Corrupt by a message that carries nothing to show that who sent it saw the echo. The run
	// waits for the answer until the timeout all the same; if it comes it revises this end.
	Unproven bool
	// Reordered: the answer came after that to a later echo to the same target (RFC 4737).
	Reordered bool
	// Done: no echo to this target is on its way or will follow. Alive, with Done: one was answered.
	Done, Alive bool

	From netip.Addr // who answered or sent the error; not valid if nobody did
	Sent time.Time  // when the send was called, by the system's clock
	// RTT is the round-trip time: from the device to the kernel's reception where both were stamped, else from the
	// call, which may have sent up to 15 echoes before this one. Source is the worse clock of the two.
	RTT    time.Duration
	Source TimeSource
	Split  Split
	Total  time.Duration // from the call to the read in this process, by a clock that nobody moves
	Over   time.Duration // Late: by how much the answer missed the timeout

	TTL, TOS int
	Size     int    // bytes of ICMP message received
	At       int    // Corrupt: first byte of the ICMP message that differs, -1 if only the checksum shows it
	Options  []byte // IPv4 options of the answer

	// ICMP error, with Refused, or with Unresolved if the kernel of this host sent one: its type and code and, if it
	// says so, the next-hop MTU. Local means this host made it. MTU is also, of an echo too large to be sent, what this
	// host knows of the path's MTU, 0 if it does not say.
	Type, Code uint8
	MTU        int
	Local      bool
	Err        syscall.Errno // why the send failed, or what the kernel made of the error

	Times [3]uint32 // TimestampRequest: originate, receive, transmit; milliseconds since midnight UT
	State uint8     // ExtendedEcho: code of the reply in the high 4 bits, then A, 4, 6 in the low 3 (RFC 8335, section 3)
}

// Split is where the time of a round trip went. The parts are 0 where the kernel gave no timestamp for them. With
// hardware stamps the driver's time on both ways belongs to no part.
type Split struct {
	Queue   time.Duration // in this host, from the call to the device
	Network time.Duration // on the network and in the far host
	Receive time.Duration // in this host, from the kernel's reception to this process
}

// Report is what a run knows beside its echoes.
type Report struct {
	Spoofed    uint64 // replies with the right numbers but without the cookie
	Foreign    uint64 // messages for somebody else that came through the kernel's filter
	Drops      uint64 // packets lost in the receive buffers
	Claimed    uint64 // of Drops, those put down as the end of an echo
	Duplicates uint64 // further answers that were only counted, for the caller was behind by 65,536 ends
	Damaged    uint64 // packets that the kernel threw away for their checksum, as far as it tells (IPv6 raw sockets)
	ClockSteps uint64 // echoes whose kernel timestamps were not used because the system's clock was moved
	// Slipped is by how much the timetable had to move because this process or the table of echoes held it up.
	Slipped time.Duration
	// Sending is the time from the first send to the last.
	Sending time.Duration
	// Rate is the echoes per second achieved, 0 of less than 100 within 100 ms, and Gaps the times between them: from
	// the kernel's send timestamps if each echo has one, else from the calls; those of one call at even distances.
	Rate       float64
	Gaps       Gaps
	ReadBuffer int // bytes granted
	Socket     SocketKind
	SendStamps bool   // the kernel stamped sends
	Unstamped  uint64 // echoes that StampsAuto left without, for there were too many a second
	Hardware   string // the network device whose clock timed round trips, if one did
	Warnings   []string
}

// Gaps describes the times between sends.
type Gaps struct{ P50, P99, Max time.Duration }

// RecordRoute returns the IPv4 option that has up to nine routers write down their address (RFC 791).
func RecordRoute() []byte {
	o := make([]byte, 40)
	o[0], o[1], o[2], o[3] = wire.IPv4OptionNop, wire.IPv4OptionRecordRoute, 39, 4
	return o
}

// TimestampOption returns the IPv4 option that has routers write down the time (RFC 781): with their addresses if
// those is nil and addresses is set, or only the up to four given.
func TimestampOption(addresses bool, those ...netip.Addr) ([]byte, error) {
	if len(those) > 4 {
		return nil, fmt.Errorf("raw: timestamp option: %d addresses, there is room for 4", len(those))
	}
	o := make([]byte, 40)
	o[0], o[1], o[2] = wire.IPv4OptionTimestamp, 40, 5
	switch {
	case len(those) > 0:
		o[1], o[3] = byte(4+8*len(those)), 3
		for i, a := range those {
			if !a.Is4() {
				return nil, fmt.Errorf("raw: timestamp option: %v is not an IPv4 address", a)
			}
			ip := a.As4()
			copy(o[4+8*i:], ip[:])
		}
		o = o[:o[1]]
	case addresses:
		o[1], o[3] = 36, 1
		o = o[:36]
	}
	return o, nil
}

// InterfaceText says what the State of the answer to an extended echo means (RFC 8335, section 3).
func InterfaceText(state uint8) string {
	if code := state >> 4; code != 0 {
		if name := wire.ICMPCodeName(false, wire.ICMPv4ExtendedReply, code); name != "" {
			return name
		}
		return "code " + strconv.Itoa(int(code))
	}
	text := "interface is not active"
	if state&4 != 0 {
		text = "interface is active"
	}
	if state&2 != 0 {
		text += ", runs IPv4"
	}
	if state&1 != 0 {
		text += ", runs IPv6"
	}
	return text
}

// ParseProbeInterface reads what an extended echo asks after: an address, an index above 0, or a name.
func ParseProbeInterface(text string) (p ProbeInterface) {
	if a, err := netip.ParseAddr(text); err == nil {
		p.Addr = a.Unmap()
	} else if n, err := strconv.ParseUint(text, 10, 32); err == nil && n > 0 {
		p.Index = uint32(n)
	} else {
		p.Name = text
	}
	return p
}

const (
	defaultSize = 56
	maxSize     = 65507
	maxLevels   = 32 // of retries
)

// withDefaults returns p with its defaults filled in, or what is wrong with it.
func (p *Pinger) withDefaults() (Pinger, error) {
	s := *p
	s.Interval = cmp.Or(s.Interval, time.Second)
	s.Timeout = cmp.Or(s.Timeout, time.Second)
	s.Backoff = cmp.Or(s.Backoff, 1.5)
	s.ReadBuffer = cmp.Or(s.ReadBuffer, 4<<20)
	switch s.Size {
	case 0:
		s.Size = defaultSize
	case -1:
		s.Size = 0
	}
	switch {
	case s.Count < 0 || s.Preload < 0 || s.Preload > 65536 || s.Window < 0 || s.Retries < 0:
		return s, errors.New("count, preload, window and retries are at least 0, preload at most 65536")
	case s.Interval < 0 || s.Gap < 0 || s.Timeout < 0 || s.Late < 0 || s.Slack < 0:
		return s, errors.New("a time is negative")
	case s.Size < 0 || s.Size > maxSize:
		return s, fmt.Errorf("a payload of %d bytes: 0 to %d fit a packet", s.Size, maxSize)
	case s.Retries > 0 && s.Count != 1:
		return s, errors.New("retries need a count of 1")
	case s.Retries >= maxLevels:
		return s, fmt.Errorf("%d retries: at most %d", s.Retries, maxLevels-1)
	case s.Backoff < 1 || s.Backoff > 100:
		return s, fmt.Errorf("a back-off of %v: 1 to 100", s.Backoff)
	case s.Family != 0 && s.Family != 4 && s.Family != 6:
		return s, fmt.Errorf("family %d: it is 4 or 6", s.Family)
	case s.FlowLabel > 0xfffff:
		return s, fmt.Errorf("flow label %#x: it has 20 bits", s.FlowLabel)
	case len(s.Options) > 40 || len(s.Options)%4 != 0:
		return s, fmt.Errorf("%d bytes of IPv4 options: a multiple of 4 up to 40", len(s.Options))
	case s.Message == ExtendedEcho && s.Interface == ProbeInterface{}:
		return s, errors.New("an extended echo needs an interface to ask after")
	case s.Message == TimestampRequest && s.Family == 6:
		return s, errors.New("ICMPv6 has no timestamp message")
	case s.Message == TimestampRequest && s.Socket == PingSocket:
		return s, errors.New("a ping socket cannot send timestamp requests; a raw socket can")
	case s.Source.Is4() && s.Family == 6 || s.Source.Is6() && s.Family == 4:
		return s, fmt.Errorf("source %v is not of family IPv%d", s.Source, s.Family)
	}
	if s.Source.IsValid() {
		s.Family = 4
		if s.Source.Is6() {
			s.Family = 6
		}
	}
	if s.Message == TimestampRequest {
		s.Family = 4
	}
	return s, nil
}

// pingWords are ping's for what a code of an ICMP error means; the first is what all other codes begin with.
type pingWords struct {
	otherwise string
	codes     []string
}

var pingWords4 = map[uint8]pingWords{
	wire.ICMPv4Unreachable: {"Destination unreachable", []string{
		"Destination Net Unreachable", "Destination Host Unreachable", "Destination Protocol Unreachable",
		"Destination Port Unreachable", "Frag needed and DF set", "Source Route Failed",
		"Destination Net Unknown", "Destination Host Unknown", "Source Host Isolated",
		"Destination Net Prohibited", "Destination Host Prohibited", "Destination Net Unreachable for Type of Service",
		"Destination Host Unreachable for Type of Service", "Packet filtered", "Precedence Violation", "Precedence Cutoff"}},
	wire.ICMPv4TimeExceeded: {"Time exceeded", []string{"Time to live exceeded", "Frag reassembly time exceeded"}},
	wire.ICMPv4ParamProblem: {"Parameter problem", []string{
		"Parameter problem", "Parameter problem: a required option is missing", "Parameter problem: bad length"}},
}

var pingWords6 = map[uint8]pingWords{
	wire.ICMPv6Unreachable: {"Destination unreachable: unknown", []string{
		"Destination unreachable: No route", "Destination unreachable: Administratively prohibited",
		"Destination unreachable: Beyond scope of source address", "Destination unreachable: Address unreachable",
		"Destination unreachable: Port unreachable", "Destination unreachable: Source address failed ingress/egress policy",
		"Destination unreachable: Reject route to destination", "Destination unreachable: Error in source routing header"}},
	wire.ICMPv6PacketTooBig: {"Packet too big", []string{"Packet too big"}},
	wire.ICMPv6TimeExceeded: {"Time exceeded", []string{"Time exceeded: Hop limit", "Time exceeded: Defragmentation failure"}},
	wire.ICMPv6ParamProblem: {"Parameter problem: unknown", []string{
		"Parameter problem: Wrong header field", "Parameter problem: Unknown header", "Parameter problem: Unknown option",
		"Parameter problem: Incomplete header chain in first fragment"}},
}

// ErrorText says what an ICMP error of the given type and code means, in the words of ping, which scripts look for. The
// words of everybody else are in raw/wire.
func ErrorText(six bool, typ, code uint8) string {
	words, ok := pingWords4[typ]
	if six {
		words, ok = pingWords6[typ]
	}
	switch {
	case !ok:
		return fmt.Sprintf("ICMP type %d, code %d", typ, code)
	case int(code) < len(words.codes):
		return words.codes[code]
	}
	return fmt.Sprintf("%s, code %d", words.otherwise, code)
}
