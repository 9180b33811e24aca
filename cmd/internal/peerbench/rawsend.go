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

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

// sendLab is two hosts, one sending small UDP datagrams. They are addressed to a third station, so that the receiving
// kernel drops them at once, and counted by the sending device: the sender is measured, not what a receiver does. Trains, which
// a device counts as one, go to a socket that nobody reads and are counted by the receiving kernel's UDP, datagram by
// datagram, once the socket's buffer is full and all of them are dropped there.
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
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(text), "\n") {
			name, rest, ok := strings.Cut(line, ":")
			if fields := strings.Fields(rest); ok && strings.TrimSpace(name) == s.device() && len(fields) == 16 {
				for _, column := range []int{9, 11} { // packets and drops of the sending side
					v, err := strconv.ParseFloat(fields[column], 64)
					if err != nil {
						return err
					}
					n += v
				}
				return nil
			}
		}
		return fmt.Errorf("no counters of %s", s.device())
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
func (s *sendLab) spec(dst netip.Addr, sport string) string {
	return fmt.Sprintf("ip{dst=%s} / udp{sport=%s, dport=%d} / zero{%d}", dst, sport, sinkPort, sendPayload)
}

func (s *sendLab) device() string { return s.a.Ends()[0].Ifname }

// rawsendSide returns a side that floods the third station through an engine.
func rawsendSide(engine, sport string) Side {
	return Side{Name: "rawsend --engine " + engine, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		return sending.rate(ctx, sending.frames, sending.binary, "-q", "--flood", "--engine", engine, sending.spec(strayAddr, sport))
	}}
}

// trainSide floods the sink with trains.
func trainSide() Side {
	return Side{Name: "rawsend --engine trains", Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		return sending.rate(ctx, sending.received, sending.binary, "-q", "--flood", "--engine", "trains", sending.spec(sending.b.Addr4(), "5000"))
	}}
}

// trafgenSide sends the same frame from trafgen's ring.
func trafgenSide(goal float64, toSink bool) Side {
	return Side{Name: "trafgen", Needs: []string{"trafgen"}, Goals: []float64{goal}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		file := filepath.Join(b.Dir, "trafgen.cfg")
		var text strings.Builder
		text.WriteString("{ ")
		frame, count := sending.stray, sending.frames
		if toSink {
			frame, count = sending.frame, sending.received
		}
		for i, c := range frame {
			if i > 0 {
				text.WriteString(", ")
			}
			fmt.Fprintf(&text, "0x%02x", c)
		}
		text.WriteString(" }\n")
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			return nil, err
		}
		return sending.rate(ctx, count, "trafgen", "--dev", sending.device(), "--conf", file, "--cpus", "1")
	}}
}

func nameGoal(s Side, name string, goal float64) Side {
	s.Name, s.Goals = name, []float64{goal}
	return s
}

func hpingSide(goal float64) Side {
	return Side{Name: "hping3 --flood", Needs: []string{"hping3"}, Goals: []float64{goal}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		return sending.rate(ctx, sending.frames, "hping3", "--udp", "--flood", "-q", "-p", strconv.Itoa(sinkPort), "-d", strconv.Itoa(sendPayload), strayAddr.String())
	}}
}

func npingSide(goal float64) Side {
	return Side{Name: "nping --rate 1000000", Needs: []string{"nping"}, Goals: []float64{goal}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		return sending.rate(ctx, sending.frames, "nping", "--udp", "-p", strconv.Itoa(sinkPort), "--data-length", strconv.Itoa(sendPayload), "--rate", "1000000", "-c", "100000000", "-N", "-H", "-q",
			strayAddr.String())
	}}
}

// recordedSends is how many packets the file that is replayed holds.
const recordedSends = 10000

// writeRecording writes the file that is replayed.
func writeRecording(b *Bench) (string, error) {
	file := filepath.Join(b.Dir, "replay.pcap")
	w, err := capture.Create(file, nil)
	if err != nil {
		return "", err
	}
	if err := w.Describe([]capture.Interface{{Name: "sent", Link: capture.LinkEthernet}}); err != nil {
		return "", err
	}
	for i := range recordedSends {
		f := capture.Frame{Data: sending.stray, Length: len(sending.stray), Link: capture.LinkEthernet, Time: time.Unix(int64(i), 0)}
		if err := w.Write(&f); err != nil {
			return "", err
		}
	}
	return file, w.Close()
}

// pacedSide measures how far from the asked rate a sender is, in percent: by what arrived over the run as it says itself
// (ours), or by the counters of the receiver over a second (peers, which say nothing exact).
func pacedSide(rate int) Side {
	return Side{Name: "rawsend --rate", Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		count := max(10, min(rate, 100000))
		cmd := sending.a.Command(ctx, sending.binary, "-q", "--json", "--wait", "0", "-c", strconv.Itoa(count), "--rate", strconv.Itoa(rate), sending.spec(strayAddr, "5000"))
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
	return Side{Name: "nping --rate", Needs: []string{"nping"}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
		got, err := sending.rate(ctx, sending.frames, "nping", "--udp", "-p", strconv.Itoa(sinkPort), "--rate", strconv.Itoa(rate), "-c", "100000000", "-N", "-H", "-q", strayAddr.String())
		if err != nil {
			return nil, err
		}
		return []float64{100 * math.Abs(got[0]-float64(rate)) / float64(rate)}, nil
	}}
}

// rawsendRows compare rawsend and its engines with the crafters and replayers people use.
func rawsendRows() []Row {
	perSecond := []Figure{{Name: "sent", Unit: "/s"}}
	deviation := []Figure{{Name: "rate off by", Unit: "%", LowerIsBetter: true}}
	rows := []Row{
		{Name: "send-raw", About: "crafted UDP through a raw socket, one core, frames of 60 bytes", Figures: perSecond, Prepare: prepareSending,
			Ours: rawsendSide("raw", "5000"), Peers: []Side{hpingSide(2.5), npingSide(2)}},
		{Name: "send-flood", About: "a SYN flood as each tool does it unasked, one core: rawsend chooses a packet socket", Figures: perSecond, Prepare: prepareSending,
			Ours: Side{Name: "rawsend --flood", Run: func(ctx context.Context, b *Bench) ([]float64, error) {
				return sending.rate(ctx, sending.frames, sending.binary, "-q", "--flood", fmt.Sprintf("ip{dst=%s} / tcp{sport=1024..65535, dport=7}", strayAddr))
			}},
			Peers: []Side{{Name: "hping3 -S --flood", Needs: []string{"hping3"}, Goals: []float64{2.5}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
				return sending.rate(ctx, sending.frames, "hping3", "-S", "--flood", "-q", "-p", "7", strayAddr.String())
			}}}},
		{Name: "send-frames", About: "crafted frames, one core, 60 bytes: by AF_XDP, which rawsend chooses for a flood", Figures: perSecond, Prepare: prepareSending,
			Ours: rawsendSide("xdp", "5000"), Peers: []Side{trafgenSide(1.4, false)}},
		{Name: "send-packet", About: "the same through a packet socket, as trafgen does, one message a frame against its ring", Figures: perSecond, Prepare: prepareSending,
			Ours: rawsendSide("packet", "5000"), Peers: []Side{trafgenSide(1.4, false)}},
		{Name: "send-trains", About: "equal frames as segment-offload trains, one core, 60 bytes", Figures: perSecond, Prepare: prepareSending,
			Ours: trainSide(), Peers: []Side{trafgenSide(2.3, true)}},
		{Name: "send-changing", About: "a port that changes from frame to frame, against a constant frame", Figures: perSecond, Prepare: prepareSending,
			Ours: rawsendSide("packet", "1024..65535"), Peers: []Side{nameGoal(rawsendSide("packet", "5000"), "the same, constant", 0.8)}},
		{Name: "send-changing-xdp", About: "the same by AF_XDP", Figures: perSecond, Prepare: prepareSending,
			Ours: rawsendSide("xdp", "1024..65535"), Peers: []Side{nameGoal(rawsendSide("xdp", "5000"), "the same, constant", 0.8)}},
		{Name: "send-replay", About: "a capture file of 60-byte frames sent over and over", Figures: perSecond, Prepare: prepareSending,
			Ours: Side{Name: "rawsend -r --flood", Run: func(ctx context.Context, b *Bench) ([]float64, error) {
				file, err := writeRecording(b)
				if err != nil {
					return nil, err
				}
				return sending.rate(ctx, sending.frames, sending.binary, "-q", "--flood", "--loop", "1000000", "-I", sending.device(), "-r", file)
			}},
			Peers: []Side{{Name: "tcpreplay --topspeed", Needs: []string{"tcpreplay"}, Goals: []float64{1.3}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
				file, err := writeRecording(b)
				if err != nil {
					return nil, err
				}
				return sending.rate(ctx, sending.frames, "tcpreplay", "--topspeed", "--preload-pcap", "--loop", "1000000", "-q", "-i", sending.device(), file)
			}}}},
	}
	for _, rate := range []int{10, 1000, 100000} {
		rows = append(rows, Row{Name: fmt.Sprintf("send-rate-%d", rate), About: fmt.Sprintf("how exactly %d packets a second are sent", rate), Figures: deviation,
			Prepare: prepareSending, Ours: pacedSide(rate), Peers: []Side{pacedPeer(rate)}})
	}
	return rows
}
