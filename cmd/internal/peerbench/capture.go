package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

const (
	mixedPackets = 1_000_000
	livePackets  = 900_000
	liveRate     = "300000pps"
)

// mixedCapture makes the file that the rows on files read: packets of many connections and kinds, with the lengths of
// ordinary traffic, the same bytes in every run.
func mixedCapture(b *Bench, n int) (string, error) {
	name, w, err := createCapture(b, fmt.Sprintf("mixed-%d.pcap", n), capture.LinkEthernet)
	if w == nil {
		return name, err
	}
	m := mixer{random: rand.New(rand.NewPCG(1, 2))}
	at := time.Unix(1_700_000_000, 0)
	for i := range n {
		data, err := m.packet(i)
		if err != nil {
			return "", err
		}
		at = at.Add(time.Duration(m.random.IntN(40)) * time.Microsecond)
		if err := w.Write(&capture.Frame{Data: data, Length: len(data), Time: at}); err != nil {
			return "", err
		}
	}
	return name, w.Close()
}

// createCapture makes a file for the rows on files. There is no writer where it has been made before.
func createCapture(b *Bench, name string, link capture.LinkType) (string, *capture.Writer, error) {
	name = filepath.Join(b.Dir, name)
	if _, err := os.Stat(name); err == nil {
		return name, nil, nil
	}
	w, err := capture.Create(name, &capture.WriterConfig{Format: capture.FormatPcap})
	if err != nil {
		return "", nil, err
	}
	if err := w.Describe([]capture.Interface{{Link: link, Resolution: time.Microsecond}}); err != nil {
		return "", nil, err
	}
	return name, w, nil
}

// mixer makes the packets of mixedCapture.
type mixer struct {
	random *rand.Rand
	seq    [512]uint32
	buf    []byte
	filler [1500]byte
}

// packet returns packet i, valid until the next call.
func (m *mixer) packet(i int) ([]byte, error) {
	flow := m.random.IntN(len(m.seq))
	client, server := netip.AddrFrom4([4]byte{10, 1, byte(flow >> 8), byte(flow)}), netip.AddrFrom4([4]byte{10, 2, 0, byte(flow % 50)})
	eth := &packet.Ethernet{Src: packet.MAC{2, 0, 0, 0, 0, 1}, Dst: packet.MAC{2, 0, 0, 0, 0, 2}}
	size := []int{0, 0, 0, 64, 300, 1448, 1448, 1448}[m.random.IntN(8)]
	payload := packet.Payload(m.filler[:size])
	ip := &packet.IPv4{Src: client, Dst: server, ID: uint16(i)}
	var layers []packet.Layer
	switch kind := m.random.IntN(100); {
	case kind < 70:
		t := &packet.TCP{SrcPort: uint16(20000 + flow), DstPort: []uint16{80, 443, 22, 5432}[flow%4], Seq: m.seq[flow], Ack: 1, Flags: wire.ACK}
		m.seq[flow] += uint32(size)
		layers = []packet.Layer{eth, ip, t, payload}
	case kind < 85:
		layers = []packet.Layer{eth, ip, &packet.UDP{SrcPort: uint16(30000 + flow), DstPort: 9999}, payload}
	case kind < 92:
		six := &packet.IPv6{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2")}
		layers = []packet.Layer{eth, six, &packet.UDP{SrcPort: uint16(30000 + flow), DstPort: 9998}, payload}
	case kind < 97:
		layers = []packet.Layer{eth, ip, &packet.ICMPv4{Type: wire.ICMPv4Echo, ID: uint16(flow), Seq: uint16(i)}, packet.Payload(m.filler[:56])}
	default:
		layers = []packet.Layer{eth, &packet.ARP{SenderIP: client, TargetIP: server}}
	}
	var err error
	m.buf, err = packet.Append(m.buf[:0], layers...)
	return m.buf, err
}

// streamCapture makes a file of n packets of TCP streams of 100 packets each, 512 of them at a time: a handshake,
// requests and answers of several segments, of which some are sent again, and the end.
func streamCapture(b *Bench, n int) (string, error) {
	name, w, err := createCapture(b, fmt.Sprintf("streams-%d.pcap", n), capture.LinkEthernet)
	if w == nil {
		return name, err
	}
	const length, abreast = 100, 512
	random := rand.New(rand.NewPCG(3, 4))
	var streams [abreast]struct {
		number, at int
		seq        [2]uint32
		id         [2]uint16
	}
	next := 0
	at := time.Unix(1_700_000_000, 0)
	var filler [1448]byte
	var buf []byte
	for range n {
		s := &streams[random.IntN(abreast)]
		if s.at == 0 {
			s.number, next = next, next+1
			s.seq, s.id = [2]uint32{random.Uint32(), random.Uint32()}, [2]uint16{}
		}
		client := netip.AddrFrom4([4]byte{10, 1, byte(s.number >> 14), byte(s.number >> 6)})
		addrs, ports := [2]netip.Addr{client, netip.AddrFrom4([4]byte{10, 2, 0, 1})}, [2]uint16{uint16(20000 + s.number%50000), 443}
		side, size, flags := 1, len(filler), wire.ACK // of four packets one is an acknowledgement
		switch {
		case s.at == 0:
			side, size, flags = 0, 0, wire.SYN
		case s.at == 1:
			size, flags = 0, wire.SYN|wire.ACK
		case s.at == 2, s.at%4 == 0:
			side, size = 0, 0
		case s.at%20 == 3:
			side, size = 0, 300
		case s.at == length-2:
			size, flags = 0, wire.FIN|wire.ACK
		case s.at == length-1:
			side, size, flags = 0, 0, wire.FIN|wire.ACK
		}
		seq, ack := s.seq[side], s.seq[1-side]
		if flags == wire.SYN {
			ack = 0
		}
		if side == 1 && s.at == 50 { // again
			seq -= uint32(size)
		} else {
			s.seq[side] += uint32(size)
		}
		if flags&(wire.SYN|wire.FIN) != 0 {
			s.seq[side]++
		}
		s.id[side]++
		s.at = (s.at + 1) % length
		buf, err = packet.Append(buf[:0], &packet.Ethernet{Src: packet.MAC{2, 0, 0, 0, 0, 1}, Dst: packet.MAC{2, 0, 0, 0, 0, 2}},
			&packet.IPv4{Src: addrs[side], Dst: addrs[1-side], ID: s.id[side]},
			&packet.TCP{SrcPort: ports[side], DstPort: ports[1-side], Seq: seq, Ack: ack, Flags: flags, Window: packet.U16(60000)}, packet.Payload(filler[:size]))
		if err != nil {
			return "", err
		}
		at = at.Add(time.Duration(random.IntN(40)) * time.Microsecond)
		if err := w.Write(&capture.Frame{Data: buf, Length: len(buf), Time: at}); err != nil {
			return "", err
		}
	}
	return name, w.Close()
}

// discard runs a command with its output to nowhere, so that reading it costs neither side, and returns packets per
// second.
func discard(ctx context.Context, b *Bench, packets int, name string, args ...string) ([]float64, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout = null
	u, err := b.Time(cmd)
	if err != nil {
		return nil, err
	}
	return []float64{float64(packets) / u.Wall.Seconds()}, nil
}

// fileRow compares pktview with peers on the mixed capture. In the arguments FILE is the capture and OUT a file to
// write.
func fileRow(name, about string, ours []string, peers ...filePeer) Row {
	return rowOn(mixedCapture, name, about, ours, peers...)
}

// rowOn is fileRow on a capture that a function makes.
func rowOn(makes func(*Bench, int) (string, error), name, about string, ours []string, peers ...filePeer) Row {
	side := func(program string, args []string) func(ctx context.Context, b *Bench) ([]float64, error) {
		return func(ctx context.Context, b *Bench) ([]float64, error) {
			file, err := makes(b, mixedPackets)
			if err != nil {
				return nil, err
			}
			path := program
			if program == "pktview" {
				if path, err = b.Build(ctx, "pktview"); err != nil {
					return nil, err
				}
			}
			out := filepath.Join(b.Dir, "out")
			filled := make([]string, len(args))
			for i, a := range args {
				filled[i] = strings.NewReplacer("FILE", file, "OUT", out).Replace(a)
			}
			return discard(ctx, b, mixedPackets, path, filled...)
		}
	}
	row := Row{
		Name: name, About: about, Figures: []Figure{{Name: "packets read", Unit: "/s"}},
		Ours: Side{Name: "pktview", Run: side("pktview", ours)},
		Prepare: func(ctx context.Context, b *Bench) (func(), error) {
			_, err := makes(b, mixedPackets)
			return nil, err
		},
	}
	for _, p := range peers {
		peer := Side{Name: p.name, Goals: []float64{p.goal}, Run: side(p.args[0], p.args[1:])}
		if p.args[0] != "pktview" {
			peer.Needs = p.args[:1]
		}
		row.Peers = append(row.Peers, peer)
	}
	return row
}

type filePeer struct {
	name string
	goal float64
	args []string
}

func words(s string) []string { return strings.Fields(s) }

func captureRows() []Row {
	return []Row{
		fileRow("pktview-text", "a million mixed packets of a file as lines; bound by decoding and formatting", words("-n -r FILE"),
			filePeer{"tcpdump", 10, words("tcpdump -nn -r FILE")}, filePeer{"tshark", 15, words("tshark -n -r FILE")}),
		fileRow("pktview-json", "the same as JSON Lines; bound by formatting", words("--json -r FILE"),
			filePeer{"tshark -T ek", 20, words("tshark -n -r FILE -T ek")}),
		fileRow("pktview-table", "the same as a table in Parquet; bound by encoding its columns", words("-q -r FILE -w OUT.parquet"),
			filePeer{"tshark -T json", 20, words("tshark -n -r FILE -T json")}, filePeer{"tshark -T ek", 20, words("tshark -n -r FILE -T ek")}),
		fileRow("pktview-copy", "copying pcap to pcap; bound by the copy into the page cache", words("-q -r FILE -w OUT.pcap"),
			filePeer{"tcpdump", 2, words("tcpdump -r FILE -w OUT")}),
		fileRow("pktview-convert", "converting pcap to pcapng; bound by the copy into the page cache", words("-q -r FILE -w OUT.pcapng"),
			filePeer{"tcpdump", 2, words("tcpdump -r FILE -w OUT")}),
		{
			Name: "pktview-filter-write", About: "writing the packets that match an expression",
			Figures: []Figure{{Name: "packets read", Unit: "/s"}},
			Ours:    fileRow("", "", append(words("-q -r FILE -w OUT.pcap"), "tcp port 80 and greater 100")).Ours,
			Peers: fileRow("", "", nil,
				filePeer{"tcpdump", 1, append(words("tcpdump -r FILE -w OUT"), "tcp port 80 and greater 100")}).Peers,
		},
		fileRow("pktview-stats", "all statistics of the file", words("--stats -r FILE"),
			filePeer{"tshark -z conv,tcp", 10, words("tshark -n -q -r FILE -z conv,tcp")}),
		rowOn(streamCapture, "streams", "the table of 10,000 TCP streams of 100 packets each", words("--streams --top 0 -r FILE"),
			filePeer{"tshark -z conv,tcp", 20, words("tshark -n -q -r FILE -z conv,tcp")}),
		rowOn(streamCapture, "follow-stream", "what the two sides of one of them said", words("--follow 5000 --follow-as hex -r FILE"),
			filePeer{"tshark -z follow,tcp", 20, words("tshark -n -q -r FILE -z follow,tcp,raw,5000")}),
		rowOn(streamCapture, "pktview-marks", "their packets as lines, with what TCP did on them", words("-n -r FILE"),
			filePeer{"without any analysis", 0.8, words("pktview -n --marks=false --reassemble=false --defragment=false -r FILE")}),
		growthRow("pktview-growth-10", "ten million packets as lines", 10_000_000),
		growthRow("pktview-growth-100", "a hundred million, in a file of 4.4 GB", 100_000_000),
		liveRow("live-capture", liveRate),
		liveRow("live-capture-flood", ""),
		ownerRow(),
		dropsRow("drops", dropsRate),
		dropsRow("drops-flood", ""),
	}
}

// liveRow writes small frames that come at a rate, or as fast as trafgen sends them, to a file.
func liveRow(name, rate string) Row {
	speed := rate
	if rate == "" {
		speed = "all that trafgen can send"
	}
	return Row{
		Name:    name,
		About:   "small frames from another host, " + speed + ", written to a file; bound by the kernel's delivery into the ring",
		Figures: []Figure{{Name: "lost", Unit: " packets", LowerIsBetter: true}, {Name: "CPU a packet", Unit: " ns", LowerIsBetter: true}},
		Ours: Side{Name: "pktview", Needs: []string{"trafgen"}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
			path, err := b.Build(ctx, "pktview")
			if err != nil {
				return nil, err
			}
			return live(ctx, b, rate, path, "-p", "-i", "eth0", "-w")
		}},
		Peers: []Side{{Name: "tcpdump", Needs: []string{"tcpdump", "trafgen"}, Goals: []float64{1, 0.8},
			Run: func(ctx context.Context, b *Bench) ([]float64, error) {
				return live(ctx, b, rate, "tcpdump", "-p", "-i", "eth0", "-w")
			}}},
	}
}

// dropsRate is how many drops a second are to be told without a loss.
const dropsRate = "100000pps"

// dropsRow tells of packets that no one takes, which the kernel drops, beside capturing them.
func dropsRow(name, rate string) Row {
	speed := rate
	if rate == "" {
		speed = "all that trafgen can send"
	}
	side := func(args ...string) func(ctx context.Context, b *Bench) ([]float64, error) {
		return func(ctx context.Context, b *Bench) ([]float64, error) {
			path, err := b.Build(ctx, "pktview")
			if err != nil {
				return nil, err
			}
			return live(ctx, b, rate, path, args...)
		}
	}
	return Row{
		Name: name, About: "small frames that the kernel drops, " + speed + ", each told with its reason, in a file; bound by the kernel's program and the ring",
		Figures: []Figure{{Name: "lost", Unit: " packets", LowerIsBetter: true}, {Name: "CPU a packet", Unit: " ns", LowerIsBetter: true}},
		Ours:    Side{Name: "--drops", Needs: []string{"trafgen"}, Run: side("--drops", "-i", "eth0", "-w")},
		Peers:   []Side{{Name: "-i", Needs: []string{"trafgen"}, Run: side("-p", "-i", "eth0", "-w")}},
	}
}

// ownerRow compares a capture that tells owners with one that does not.
func ownerRow() Row {
	side := func(args ...string) func(ctx context.Context, b *Bench) ([]float64, error) {
		return func(ctx context.Context, b *Bench) ([]float64, error) {
			cost, err := ownedTraffic(ctx, b, args...)
			return []float64{cost}, err
		}
	}
	return Row{
		Name: "pktview-owner", About: "datagrams between two hosts into a file with the process that each is from or for, beside a file without",
		Figures: []Figure{{Name: "CPU a packet", Unit: " ns", LowerIsBetter: true}},
		Ours:    Side{Name: "with --owner", Run: side("--owner")},
		Peers:   []Side{{Name: "without", Goals: []float64{1.25}, Run: side()}},
	}
}

// ownedTraffic captures datagrams of one socket and returns what each cost, without the start of the capture.
func ownedTraffic(ctx context.Context, b *Bench, args ...string) (float64, error) {
	const packets = 500_000
	path, err := b.Build(ctx, "pktview")
	if err != nil {
		return 0, err
	}
	lab, err := netlab.New(nil)
	if err != nil {
		return 0, err
	}
	defer lab.Close()
	from, to, err := twoHosts(lab)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	file := filepath.Join(b.Dir, "owner.pcapng")
	defer os.Remove(file)
	capturing := to.Command(ctx, path, append(args, "-i", "eth0", "-w", file, "udp")...)
	if err := startCapturing(capturing); err != nil {
		return 0, err
	}
	before, err := spent(capturing.Process.Pid)
	if err != nil {
		return 0, err
	}
	if err := sendDatagrams(from, to, packets); err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond) // the ring's last block is handed over by a timer
	after, err := spent(capturing.Process.Pid)
	if err != nil {
		return 0, err
	}
	err = errors.Join(capturing.Process.Signal(syscall.SIGINT), capturing.Wait())
	return float64((after - before).Nanoseconds()) / packets, err
}

// sendDatagrams sends from one host to a socket of the other.
func sendDatagrams(from, to *netlab.Host, n int) error {
	var server, client net.PacketConn
	err := to.Do(func() (err error) {
		server, err = net.ListenPacket("udp", net.JoinHostPort(to.Addr4().String(), "9999"))
		return err
	})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := from.Do(func() (err error) { client, err = net.ListenPacket("udp4", ":0"); return err }); err != nil {
		return err
	}
	defer client.Close()
	data := make([]byte, 64)
	for range n {
		if _, err := client.WriteTo(data, server.LocalAddr()); err != nil {
			return err
		}
	}
	return nil
}

// spent is the processor time that a process took so far, proc_pid_stat(5): in hundredths of a second, as
// sysconf(_SC_CLK_TCK) has it on Linux.
func spent(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is short", pid)
	}
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}

// growthRow compares pktview with itself: ten times the packets are to cost ten times as much.
func growthRow(name, about string, packets int) Row {
	side := func(n int) func(ctx context.Context, b *Bench) ([]float64, error) {
		return func(ctx context.Context, b *Bench) ([]float64, error) {
			path, err := b.Build(ctx, "pktview")
			if err != nil {
				return nil, err
			}
			file, err := smallCapture(b, n)
			if err != nil {
				return nil, err
			}
			return discard(ctx, b, n, path, "-r", file)
		}
	}
	return Row{
		Name: name, About: about + ", beside a tenth of them: the cost is to grow in a straight line",
		Figures: []Figure{{Name: "packets read", Unit: "/s"}},
		Ours:    Side{Name: "all", Run: side(packets)},
		Peers:   []Side{{Name: "a tenth", Goals: []float64{0.9}, Run: side(packets / 10)}},
	}
}

// smallCapture makes a file of n small datagrams of a thousand flows.
func smallCapture(b *Bench, n int) (string, error) {
	name, w, err := createCapture(b, fmt.Sprintf("small-%d.pcap", n), capture.LinkRaw)
	if w == nil {
		return name, err
	}
	var flows [1000][]byte
	for i := range flows {
		flows[i], err = packet.Append(nil, &packet.IPv4{Src: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), Dst: netip.AddrFrom4([4]byte{10, 2, 0, 1})},
			&packet.UDP{SrcPort: uint16(1000 + i), DstPort: 9999})
		if err != nil {
			return "", err
		}
	}
	start := time.Unix(1_700_000_000, 0)
	for i := range n {
		data := flows[i%len(flows)]
		if err := w.Write(&capture.Frame{Data: data, Length: len(data), Time: start.Add(time.Duration(i) * time.Microsecond)}); err != nil {
			return "", err
		}
	}
	return name, w.Close()
}

// live sends frames from one host to another, where a program writes them to the file that its last argument names, and
// returns how many are missing in it and what each cost.
func live(ctx context.Context, b *Bench, rate, program string, args ...string) ([]float64, error) {
	lab, err := netlab.New(nil)
	if err != nil {
		return nil, err
	}
	defer lab.Close()
	from, to, err := twoHosts(lab)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.Dir, "live.pcap")
	// tcpdump gives its file to another user, over whose file pktview cannot write without capabilities.
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	capturing := to.Command(ctx, program, append(args, file)...)
	if err := startCapturing(capturing); err != nil {
		return nil, err
	}
	// To a third station, so that the receiving kernel has nothing to do with it but capturing.
	frame := "{ fill(0x02, 6), 0x02, 0, 0, 0, 0, 1, c16(0x88b5), fill(0x55, 46) }"
	trafgen := []string{"--dev", "eth0", "-n", fmt.Sprint(livePackets), "-P", "1", "-C", frame}
	if rate != "" {
		trafgen = append(trafgen, "-b", rate)
	}
	send := from.Command(ctx, "trafgen", trafgen...)
	if out, err := send.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("trafgen: %w\n%s", err, out)
	}
	time.Sleep(200 * time.Millisecond) // the ring's last block is handed over by a timer, in either program
	if err := capturing.Process.Signal(syscall.SIGINT); err != nil {
		return nil, err
	}
	if err := capturing.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	got, err := countFrames(file)
	if err != nil {
		return nil, err
	}
	cpu := capturing.ProcessState.UserTime() + capturing.ProcessState.SystemTime()
	return []float64{float64(livePackets - got), float64(cpu.Nanoseconds()) / float64(max(got, 1))}, nil
}

// startCapturing starts a program and waits until it says that it captures.
func startCapturing(cmd *exec.Cmd) error {
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(stderr)
	said := ""
	for ready := false; !ready; {
		if !lines.Scan() {
			return errors.Join(fmt.Errorf("%s does not capture: %s", cmd.Args[0], said), cmd.Wait())
		}
		said += lines.Text() + "\n"
		ready = strings.Contains(said, "capturing on") || strings.Contains(said, "listening on") || strings.Contains(said, "waiting for packets")
	}
	go io.Copy(io.Discard, stderr)
	return nil
}

// countFrames counts the frames of a file that live sent: of those that are dropped the data in pages is not there.
func countFrames(file string) (int, error) {
	r, err := capture.OpenFile(file)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var f capture.Frame
	n := 0
	for {
		err := r.Next(&f)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if f.Length == 60 && len(f.Data) >= 14 && f.Data[12] == 0x88 && f.Data[13] == 0xb5 {
			n++
		}
	}
}
