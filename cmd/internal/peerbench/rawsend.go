package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

// sendLab is two hosts, one sending small UDP datagrams. They are addressed to a third station, so that the receiving
// kernel drops them at once, and counted by the sending device: the sender is measured, not what a receiver does.
// Trains, which a device counts as one, go to a socket that nobody reads and are counted by the receiving kernel's UDP,
// datagram by datagram, once the socket's buffer is full and all of them are dropped there.
type sendLab struct {
	lab    *netlab.Lab
	a, b   *netlab.Host
	sink   net.PacketConn
	binary string
	frame  []byte // one of the datagrams, with its Ethernet header
	stray  []byte // the same for a third station
}

const (
	sinkPort    = 9000
	sendPayload = 18 // a frame of 60 bytes
	sendWarm    = 500 * time.Millisecond
	sendTime    = time.Second
)

var sending sendLab

// prepareSending makes the lab and builds the command.
func prepareSending(ctx context.Context, b *Bench) (func(), error) {
	return inLabOf(nil, func(lab *netlab.Lab) error { return sending.prepare(ctx, b, lab) }, func() {
		if sending.sink != nil {
			sending.sink.Close()
		}
		sending = sendLab{}
	})
}

func (s *sendLab) prepare(ctx context.Context, b *Bench, lab *netlab.Lab) (err error) {
	s.lab = lab
	if s.a, s.b, err = twoHosts(lab); err != nil {
		return err
	}
	device := s.device()
	if err := s.a.AddRoute(netlab.Route{Dst: netip.PrefixFrom(strayAddr, 32), Ifname: device}); err != nil {
		return err
	}
	if err := s.a.AddNeighbour(device, strayAddr, stray[:]); err != nil {
		return err
	}
	err = s.b.Do(func() (err error) {
		s.sink, err = net.ListenPacket("udp4", net.JoinHostPort(s.b.Addr4().String(), strconv.Itoa(sinkPort)))
		return err
	})
	if err != nil {
		return err
	}
	s.frame, err = packet.Append(nil, &packet.Ethernet{Dst: s.b.Ends()[0].MAC, Src: s.a.Ends()[0].MAC}, &packet.IPv4{Src: s.a.Addr4(), Dst: s.b.Addr4(), ID: 1},
		&packet.UDP{SrcPort: 5000, DstPort: sinkPort}, packet.Payload(make([]byte, sendPayload)))
	if err != nil {
		return err
	}
	s.stray = append([]byte(nil), s.frame...)
	copy(s.stray, stray[:])
	for name, frame := range map[string][]byte{"stray.cfg": s.stray, "sink.cfg": s.frame} {
		text := "{ " + strings.ReplaceAll(fmt.Sprintf("% #x", frame), " ", ", ") + " }\n"
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := writeRecording(filepath.Join(b.Dir, "replay.pcap"), s.stray); err != nil {
		return err
	}
	s.binary, err = b.Build(ctx, "rawsend")
	return err
}

// stray and strayAddr are the addresses of a station that is not there.
var (
	stray     = packet.MAC{2, 0, 0, 0, 0, 0x99}
	strayAddr = netip.MustParseAddr("198.51.100.99")
)

// frames returns how many frames the sending host's device was given. A receiver that cannot keep up makes it drop
// some, which the sender has sent all the same.
func (s *sendLab) frames() (n float64, err error) {
	err = s.a.Do(func() error {
		device, err := netlink.LinkByName(s.device())
		if err != nil {
			return fmt.Errorf("the counters of %s: %w", s.device(), err)
		}
		sent := device.Attrs().Statistics
		n = float64(sent.TxPackets + sent.TxDropped)
		return nil
	})
	return n, err
}

// received returns how many datagrams the receiving host's UDP has seen.
func (s *sendLab) received() (n float64, err error) {
	err = s.b.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var names []string
		for _, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(line)
			if len(fields) == 0 || fields[0] != "Udp:" {
				continue
			}
			if names == nil {
				names = fields
				continue
			}
			for i, name := range names {
				if name == "InDatagrams" || name == "InErrors" {
					v, err := strconv.ParseFloat(fields[i], 64)
					if err != nil {
						return err
					}
					n += v
				}
			}
		}
		return nil
	})
	return n, err
}

// rate starts a sender that goes on by itself, on one core, and returns what arrives a second once it is at work.
func (s *sendLab) rate(ctx context.Context, count func() (float64, error), name string, args ...string) ([]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := exec.LookPath("taskset"); err == nil {
		name, args = "taskset", append([]string{"-c", "0", name}, args...)
	}
	cmd := s.a.Command(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// All of its processes are to end with it: trafgen's parent leaves the one that sends behind for a while.
	interrupt, kill := ownGroup(cmd)
	cmd.Cancel = interrupt
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		cancel()
		cmd.Wait()
		kill()
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(sendWarm):
	}
	before, err := count()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	time.Sleep(sendTime)
	after, err := count()
	if err != nil {
		return nil, err
	}
	rate := (after - before) / time.Since(start).Seconds()
	if rate == 0 {
		cancel()
		cmd.Wait()
		return nil, fmt.Errorf("nothing arrived:\n%s", out.String())
	}
	return []float64{rate}, nil
}

// spec is the expression of the datagrams.
func spec(dst, sport string) string {
	return fmt.Sprintf("ip{dst=%s}/udp{sport=%s,dport=%d}/zero{%d}", dst, sport, sinkPort, sendPayload)
}

func (s *sendLab) device() string { return s.a.Ends()[0].Ifname }

// flood is a side that sends to the third station until it is ended. In its command line, RAWSEND is our program,
// DEVICE the one that it sends on, DIR holds trafgen's configurations and a file to replay, and SINK is the receiver's
// address.
func flood(name, line string, goals ...float64) Side {
	return floodSide(name, line, sending.frames, goals)
}

// floodSink is the same to the socket that nobody reads.
func floodSink(name, line string, goals ...float64) Side {
	return floodSide(name, line, sending.received, goals)
}

func floodSide(name, line string, count func() (float64, error), goals []float64) Side {
	words := strings.Fields(line)
	s := Side{Name: name, Goals: goals, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		known := strings.NewReplacer("RAWSEND", sending.binary, "DEVICE", sending.device(), "DIR", b.Dir, "SINK", sending.b.Addr4().String())
		args := make([]string, len(words))
		for i, w := range words {
			args[i] = known.Replace(w)
		}
		return sending.rate(ctx, count, args[0], args[1:]...)
	}}
	if words[0] != "RAWSEND" {
		s.Needs = words[:1]
	}
	return s
}

// rawsendSide floods through an engine.
func rawsendSide(engine, sport string) Side {
	return flood("rawsend --engine "+engine, "RAWSEND -q --flood --engine "+engine+" "+spec(strayAddr.String(), sport))
}

// recordedSends is how many packets the file that is replayed holds.
const recordedSends = 10000

// writeRecording writes the file that is replayed.
func writeRecording(file string, frame []byte) error {
	w, err := capture.Create(file, nil)
	if err != nil {
		return err
	}
	if err := w.Describe([]capture.Interface{{Name: "sent", Link: capture.LinkEthernet}}); err != nil {
		return err
	}
	for i := range recordedSends {
		f := capture.Frame{Data: frame, Length: len(frame), Link: capture.LinkEthernet, Time: time.Unix(int64(i), 0)}
		if err := w.Write(&f); err != nil {
			return err
		}
	}
	return w.Close()
}

// pacedSide measures how far from the asked rate a sender is, in percent: by what arrived over the run as it says
// itself (ours), or by the counters of the receiver over a second (peers, which say nothing exact).
func pacedSide(rate int) Side {
	return Side{Name: "rawsend --rate", Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		count := max(10, min(rate, 100000))
		cmd := sending.a.Command(ctx, sending.binary, "-q", "--json", "--wait", "0", "-c", strconv.Itoa(count), "--rate", strconv.Itoa(rate), spec(strayAddr.String(), "5000"))
		before, err := sending.frames()
		if err != nil {
			return nil, err
		}
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		after, err := sending.frames()
		if err != nil {
			return nil, err
		}
		if after-before != float64(count) {
			return nil, fmt.Errorf("%v frames arrived of %d", after-before, count)
		}
		var sum struct {
			Rate  float64 `json:"packets_per_second"`
			Gap99 float64 `json:"gap_p99_ns"`
		}
		if err := json.Unmarshal(bytes.TrimSpace(out), &sum); err != nil {
			return nil, err
		}
		b.env.Warnf("send-rate-%d: 99 of 100 gaps are at most %.3g µs", rate, sum.Gap99/1e3) // peers say nothing to compare it with
		return []float64{100 * math.Abs(sum.Rate-float64(rate)) / float64(rate)}, nil
	}}
}

func pacedPeer(rate int) Side {
	s := flood("nping --rate", fmt.Sprintf("nping --udp -p %d --rate %d -c 100000000 -N -H -q %s", sinkPort, rate, strayAddr))
	run := s.Run
	s.Run = func(ctx context.Context, b *Bench) ([]float64, error) {
		got, err := run(ctx, b)
		if err != nil {
			return nil, err
		}
		return []float64{100 * math.Abs(got[0]-float64(rate)) / float64(rate)}, nil
	}
	return s
}

// rawsendRows compare rawsend and its engines with the crafters and replayers people use.
func rawsendRows() []Row {
	perSecond := []Figure{{Name: "sent", Unit: "/s"}}
	deviation := []Figure{{Name: "rate off by", Unit: "%", LowerIsBetter: true}}
	trafgen := func(config string) string { return "trafgen --dev DEVICE --conf DIR/" + config + " --cpus 1" }
	constant := func(engine string) []Side {
		s := rawsendSide(engine, "5000")
		s.Name, s.Goals = "the same, constant", []float64{0.8}
		return []Side{s}
	}
	row := func(name, about string, ours Side, peers ...Side) Row {
		return Row{Name: name, About: about, Figures: perSecond, Prepare: prepareSending, Ours: ours, Peers: peers}
	}
	rows := []Row{
		row("send-raw", "crafted UDP through a raw socket, one core, frames of 60 bytes", rawsendSide("raw", "5000"),
			flood("hping3 --flood", fmt.Sprintf("hping3 --udp --flood -q -p %d -d %d %s", sinkPort, sendPayload, strayAddr), 2.5),
			flood("nping --rate 1000000", fmt.Sprintf("nping --udp -p %d --data-length %d --rate 1000000 -c 100000000 -N -H -q %s", sinkPort, sendPayload, strayAddr), 2)),
		row("send-flood", "a SYN flood as each tool does it unasked, one core: rawsend chooses a packet socket",
			flood("rawsend --flood", fmt.Sprintf("RAWSEND -q --flood ip{dst=%s}/tcp{sport=1024..65535,dport=7}", strayAddr)),
			flood("hping3 -S --flood", fmt.Sprintf("hping3 -S --flood -q -p 7 %s", strayAddr), 2.5)),
		row("send-frames", "crafted frames, one core, 60 bytes: by AF_XDP, which rawsend chooses for a flood",
			rawsendSide("xdp", "5000"), flood("trafgen", trafgen("stray.cfg"), 1.4)),
		row("send-packet", "the same through a packet socket, as trafgen does, one message a frame against its ring",
			rawsendSide("packet", "5000"), flood("trafgen", trafgen("stray.cfg"), 1.4)),
		row("send-trains", "equal frames as segment-offload trains, one core, 60 bytes",
			floodSink("rawsend --engine trains", "RAWSEND -q --flood --engine trains "+spec("SINK", "5000")), floodSink("trafgen", trafgen("sink.cfg"), 2.3)),
		row("send-changing", "a port that changes from frame to frame, against a constant frame", rawsendSide("packet", "1024..65535"), constant("packet")...),
		row("send-changing-xdp", "the same by AF_XDP", rawsendSide("xdp", "1024..65535"), constant("xdp")...),
		row("send-replay", "a capture file of 60-byte frames sent over and over",
			flood("rawsend -r --flood", "RAWSEND -q --flood --loop 1000000 -I DEVICE -r DIR/replay.pcap"),
			flood("tcpreplay --topspeed", "tcpreplay --topspeed --preload-pcap --loop 1000000 -q -i DEVICE DIR/replay.pcap", 1.3)),
	}
	for _, rate := range []int{10, 1000, 100000} {
		rows = append(rows, Row{Name: fmt.Sprintf("send-rate-%d", rate), About: fmt.Sprintf("how exactly %d packets a second are sent", rate), Figures: deviation,
			Prepare: prepareSending, Ours: pacedSide(rate), Peers: []Side{pacedPeer(rate)}})
	}
	return rows
}
