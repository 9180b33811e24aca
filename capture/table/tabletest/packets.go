package tabletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/table"
)

// Packet is a record of --json.
type Packet struct {
	Number    json.Number
	Time      string
	Interface json.Number
	Direction string
	Link      string
	Length    json.Number
	Captured  json.Number
	Segments  json.Number
	Drops     json.Number
	Comments  []string
	Layers    []Layer
	Error     *struct {
		Layer, Fault, Reason string
		Offset, Need, Have   json.Number
	}
}

// Layer is one of its layers.
type Layer struct {
	Layer  string
	Header int `json:"header_length"`
	Length int
	Quoted bool
	Fields map[string]any
}

// Parse reads a record.
func Parse(t testing.TB, line []byte) *Packet {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var p Packet
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return &p
}

// Line returns p as --json has it.
func Line(p *decode.Packet) []byte {
	return (&decode.Printer{Applications: app.Renderer{}}).AppendJSON(nil, p)
}

func (r Row) set(name string, v any) {
	if v != nil && fmt.Sprint(v) != "" {
		r[name] = fmt.Sprint(v)
	}
}

func (r Row) add(name string, v any) {
	if v == nil {
		return
	}
	if before, there := r[name]; there {
		r[name] = before + "|" + fmt.Sprint(v)
	} else {
		r[name] = fmt.Sprint(v)
	}
}

func or(n json.Number, none string) string {
	if n == "" {
		return none
	}
	return n.String()
}

// Want returns the row of packets that a record is to have.
func (p *Packet) Want() Row {
	r := Row{}
	r.set("number", p.Number)
	if p.Time >= "1677-09-21T00:12:43.145224192Z" && p.Time <= "2262-04-11T23:47:16.854775807Z" && len(p.Time) == 30 {
		r.set("time", p.Time)
	} else {
		r.set("time_beyond", p.Time)
	}
	r.set("interface", p.Interface)
	r.set("direction", p.Direction)
	r.set("link", p.Link)
	r.set("length", p.Length)
	r.set("captured", p.Captured)
	r.set("segments", or(p.Segments, "1"))
	r.set("drops", or(p.Drops, "0"))
	for _, c := range p.Comments {
		r.add("comments", c)
	}
	if e := p.Error; e != nil {
		r.set("error_layer", e.Layer)
		r.set("error_fault", e.Fault)
		r.set("error_offset", e.Offset)
		r.set("error_need", e.Need)
		r.set("error_have", e.Have)
		r.set("error_reason", e.Reason)
	}
	r.headers(p.Layers)
	return r
}

func (r Row) headers(layers []Layer) {
	var names []string
	var eth, ip, transport, tcp, udp, icmp []*Layer
	for i := range layers {
		l := &layers[i]
		names = append(names, l.Layer)
		if l.Quoted {
			continue
		}
		if l.Layer != "payload" && l.Layer != "fragment" {
			r["protocol"] = l.Layer
		}
		f := l.Fields
		switch l.Layer {
		case "eth":
			eth = append(eth, l)
		case "ip", "ipv6":
			ip = append(ip, l)
		case "tcp":
			tcp, transport = append(tcp, l), append(transport, l)
		case "udp":
			udp, transport = append(udp, l), append(transport, l)
		case "udplite", "sctp", "dccp":
			transport = append(transport, l)
		case "icmp", "icmpv6":
			icmp = append(icmp, l)
		case "vlan":
			r.add("vlan_id", f["id"])
			r.add("vlan_priority", f["priority"])
			if f["dei"] == true || f["len"] != nil || i+1 == len(layers) || layers[i+1].Layer == "payload" {
				r.every(l)
			}
		case "mpls":
			r.add("mpls_label", f["label"])
		case "gre", "vxlan", "geneve":
			delete(r, "tunnel_id")
			r.set("tunnel", l.Layer)
			r.set("tunnel_id", f["vni"])
			r.set("tunnel_id", f["key"])
		case "arp":
			r.set("arp_operation", f["operation"])
			if fmt.Sprintf("%v %v %v %v", f["hardware_type"], f["protocol_type"], f["hardware_length"], f["protocol_length"]) == "1 2048 6 4" {
				for _, name := range []string{"sender_hardware", "sender_protocol", "target_hardware", "target_protocol"} {
					r.set("arp_"+name, f[name])
				}
				r.set("arp_sender_protocol_bytes", Bytes16(f["sender_protocol"].(string)))
				r.set("arp_target_protocol_bytes", Bytes16(f["target_protocol"].(string)))
			} else {
				r.every(l)
			}
		}
		if hasNoColumns(l.Layer) {
			r.every(l)
		}
	}
	r["layers"] = strings.Join(names, ":")
	ends(eth, func(prefix string, l *Layer) {
		r.set(prefix+"eth_src", l.Fields["src"])
		r.set(prefix+"eth_dst", l.Fields["dst"])
		r.set(prefix+"eth_type", l.Fields["type"])
		if prefix == "" {
			r.set("eth_len", l.Fields["len"])
		} else if l.Fields["len"] != nil {
			r.every(l)
		}
	})
	ends(ip, r.ip)
	for _, list := range [][]*Layer{eth, ip} {
		for i := 1; i < len(list)-1; i++ {
			r.every(list[i])
		}
	}
	for i := 1; i < len(udp); i++ {
		r.every(udp[i])
	}
	ends(transport, func(prefix string, l *Layer) {
		r.set(prefix+"src_port", l.Fields["src_port"])
		r.set(prefix+"dst_port", l.Fields["dst_port"])
		r.set("payload_length", max(l.Length-l.Header, 0))
	})
	for _, name := range flags {
		r["tcp_"+name] = "false"
	}
	if len(tcp) > 0 {
		r.options(tcp[len(tcp)-1])
		r.tcp(tcp[len(tcp)-1].Fields)
	}
	if len(udp) > 0 {
		r.set("udp_length", udp[0].Fields["length"])
		r.sum("udp_", udp[0].Fields)
	}
	if len(icmp) > 0 {
		l := icmp[len(icmp)-1]
		r.set("icmp_type", l.Fields["type"])
		r.set("icmp_code", l.Fields["code"])
		r.sum("icmp_", l.Fields)
		switch fmt.Sprint(l.Layer, l.Fields["type"]) {
		case "icmp0", "icmp8", "icmpv6128", "icmpv6129":
			r.set("icmp_id", l.Fields["id"])
			r.set("icmp_seq", l.Fields["seq"])
		}
	}
}

// ends calls f for the first, and for the last where that is another.
func ends(list []*Layer, f func(prefix string, l *Layer)) {
	if len(list) > 0 {
		f("", list[0])
	}
	if n := len(list); n > 1 {
		f("inner_", list[n-1])
	}
}

func (r Row) ip(prefix string, l *Layer) {
	f := l.Fields
	for _, name := range []string{"version", "src", "dst", "dscp", "ecn", "ttl", "protocol", "total_length", "id", "df", "mf", "fragment_offset",
		"flow_label", "payload_length"} {
		r.set(prefix+"ip_"+name, f[name])
	}
	if f["flags_rb"] == true || f["options"] != nil {
		r.every(l)
	}
	r.sum(prefix+"ip_", f)
	r.set(prefix+"ip_ttl", f["hop_limit"])
	r.set(prefix+"ip_protocol", f["next_header"])
	r.set(prefix+"ip_src_bytes", Bytes16(f["src"].(string)))
	r.set(prefix+"ip_dst_bytes", Bytes16(f["dst"].(string)))
}

func (r Row) tcp(f map[string]any) {
	for _, name := range []string{"seq", "ack", "flags", "window", "urgent_pointer", "header_length"} {
		r.set("tcp_"+name, f[name])
	}
	for _, name := range flags {
		r.set("tcp_"+name, f[name])
	}
	r.sum("tcp_", f)
	options, _ := f["options"].([]any)
	for _, o := range options {
		o := o.(map[string]any)
		for from, to := range map[string]string{"mss": "tcp_mss", "shift": "tcp_window_scale", "tsval": "tcp_tsval", "tsecr": "tcp_tsecr"} {
			if _, there := r[to]; !there {
				r.set(to, o[from])
			}
		}
		if fmt.Sprint(o["kind"]) == "4" {
			r["tcp_sack_permitted"] = "true"
		}
		blocks, _ := o["blocks"].([]any)
		for _, b := range blocks {
			r.add("tcp_sack_left", b.(map[string]any)["left"])
			r.add("tcp_sack_right", b.(map[string]any)["right"])
		}
	}
}

// sum is a checksum: its status, and the number but where that is good or unverified.
func (r Row) sum(prefix string, f map[string]any) {
	r.set(prefix+"checksum_status", f["checksum_status"])
	if f["checksum_status"] != "good" && f["checksum_status"] != "unverified" {
		r.set(prefix+"checksum", f["checksum"])
	}
}

// flags of TCP are false where there is none.
var flags = []string{"ae", "cwr", "ece", "urg", "ack_flag", "psh", "rst", "syn", "fin"}

// withColumns are the layers whose fields have columns of their own, but for some.
var withColumns = map[string]bool{"eth": true, "ip": true, "ipv6": true, "tcp": true, "udp": true, "icmp": true, "icmpv6": true, "vlan": true,
	"arp": true, "payload": true, "fragment": true}

// hasNoColumns tells whether a layer is a header without columns.
func hasNoColumns(name string) bool {
	for t := range decode.TypeDNS {
		if t.String() == name {
			return !withColumns[name]
		}
	}
	return false
}

// seldom are the columns of headers that few packets have, by their fields: those behind the column more.
var seldom = func() map[string][]string {
	m := map[string][]string{}
	behind := false
	for _, c := range table.Packets.Columns {
		if behind {
			for _, name := range strings.Split(c.JSON, ", ") {
				m[name] = append(m[name], c.Name)
			}
		}
		behind = behind || c.Name == "more"
	}
	return m
}()

// every adds all fields of a layer to the column of what has none.
func (r Row) every(l *Layer) { r.some(l.Layer, "", l.Fields) }

func (r Row) some(layer, path string, v any) {
	flat := Row{}
	flat.flatten(path, v)
	for path, values := range flat {
		for _, v := range strings.Split(values, "|") {
			r.add("more", layer+"."+path+"="+v)
			for _, c := range seldom[layer+"."+path] {
				if _, there := r[c]; !there {
					r[c] = v
				}
			}
		}
	}
}

func (r Row) flatten(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, v := range v {
			if path != "" {
				name = path + "." + name
			}
			r.flatten(name, v)
		}
	case []any:
		for _, v := range v {
			r.flatten(path, v)
		}
	default:
		r.add(path, fmt.Sprint(v))
	}
}

// options adds the options of TCP where one of them has no columns.
func (r Row) options(l *Layer) {
	options, _ := l.Fields["options"].([]any)
	for _, o := range options {
		o := o.(map[string]any)
		known := false
		switch fmt.Sprint(o["kind"]) {
		case "0", "1", "4":
			known = true
		case "2", "3", "5", "8":
			known = o["mss"] != nil || o["shift"] != nil || o["blocks"] != nil || o["tsval"] != nil
		}
		if !known {
			r.some("tcp", "options", options)
			return
		}
	}
}

// Sorted returns the row with the values of a list in an order of their own, for where JSON has none.
func (r Row) Sorted(name string) Row {
	if v, there := r[name]; there {
		list := strings.Split(v, "|")
		slices.Sort(list)
		r[name] = strings.Join(list, "|")
	}
	return r
}
