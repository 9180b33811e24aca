package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// mostSeries bounds how many hosts, and hops of them, have time series of their own; the others share the label
// "other".
const mostSeries = 10000

// metricsTarget is where --metrics puts what it tells.
type metricsTarget struct {
	address string // of a server
	file    string
	stdout  bool
}

func parseMetricsTarget(s string) (m metricsTarget, err error) {
	switch {
	case s == "":
	case s == "-":
		m.stdout = true
	case strings.HasSuffix(s, ".prom"):
		m.file = s
	default:
		if _, _, err := net.SplitHostPort(s); err != nil {
			return m, cli.WithHint(fmt.Errorf("--metrics %q is neither an address with a port nor a file that ends in .prom", s),
				"write --metrics 127.0.0.1:9100, --metrics /var/lib/node_exporter/rawtrace.prom, or --metrics -")
		}
		m.address = s
	}
	return m, nil
}

// metrics counts what is seen, for Prometheus.
type metrics struct {
	registry *prometheus.Registry
	probes   *prometheus.CounterVec
	rtt      *prometheus.HistogramVec
	loss     *prometheus.GaugeVec
	hops     *prometheus.GaugeVec
	mtu      *prometheus.GaugeVec
	reached  *prometheus.GaugeVec
	far      *prometheus.GaugeVec
	backHops *prometheus.GaugeVec
	backLoss *prometheus.GaugeVec
	labels   map[[2]string]bool
	server   *http.Server
}

func newMetrics() *metrics {
	m := &metrics{labels: make(map[[2]string]bool), registry: prometheus.NewRegistry()}
	hop := []string{"target", "hop"}
	m.probes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rawtrace_probes_total", Help: "Probes to each hop by how they ended and why."}, append(hop, "outcome", "cause"))
	m.rtt = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "rawtrace_rtt_seconds", Help: "Round-trip times of each hop.",
		Buckets: prometheus.ExponentialBuckets(100e-6, 2, 16)}, hop)
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"target"}, labels...))
	}
	m.loss = gauge("rawtrace_loss_ratio", "Loss at each hop with its verdict: only that of verdict real is loss on the path.", "hop", "verdict")
	m.hops = gauge("rawtrace_hops", "Hops to the host, 0 if it was not reached.")
	m.mtu = gauge("rawtrace_mtu_bytes", "MTU of the path, where it was looked for.")
	m.reached = gauge("rawtrace_reached", "Whether the host was reached: 1 or 0.")
	m.far = gauge("rawtrace_far_loss_ratio", "Loss from end to end each way, as the far end counts it.", "way")
	m.backHops = gauge("rawtrace_back_hops", "Hops of the way back from the far end, 0 if this host was not reached.")
	m.backLoss = gauge("rawtrace_back_loss_ratio", "Loss at each hop of the way back, from the far end on, with its verdict.", "hop", "verdict")
	m.registry.MustRegister(m.probes, m.rtt, m.loss, m.hops, m.mtu, m.reached, m.far, m.backHops, m.backLoss)
	return m
}

// bounded returns the labels of a hop, those of all others together once there are too many.
func (m *metrics) bounded(target string, ttl int) (string, string) {
	key := [2]string{cli.Escape(target), strconv.Itoa(ttl)}
	if !m.labels[key] {
		if len(m.labels) >= mostSeries {
			return "other", "other"
		}
		m.labels[key] = true
	}
	return key[0], key[1]
}

// serve serves the metrics, and returns the address it listens on, for one given with port 0.
func (m *metrics) serve(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("--metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := m.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			l.Close()
		}
	}()
	return l.Addr().String(), nil
}

func (m *metrics) close() {
	if m != nil && m.server != nil {
		m.server.Close()
	}
}

// write writes the metrics in the text format.
func (m *metrics) write(w io.Writer) error {
	families, err := m.registry.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

// save writes them to a file, whole or not at all: the collector of node_exporter may read it at any time.
func (m *metrics) save(file string) error {
	if err := prometheus.WriteToTextfile(file, m.registry); err != nil {
		return fmt.Errorf("--metrics: %w", err)
	}
	return nil
}

// probe counts one probe.
func (m *metrics) probe(target string, r *trace.Reply) {
	if m == nil || r.Duplicate || r.Revised {
		return
	}
	target, hop := m.bounded(target, int(r.TTL))
	m.probes.WithLabelValues(target, hop, r.Outcome.String(), r.Cause.String()).Inc()
	if r.Outcome == probe.Answered {
		m.rtt.WithLabelValues(target, hop).Observe(r.RTT.Seconds())
	}
}

// fold counts probes at the hop where the way ends, and forgets the hops behind it: there are none.
func (m *metrics) fold(w *trail, probes []trace.Reply) {
	if m == nil || !w.reached() && w.refused == nil {
		return
	}
	for ttl := w.end + 1; ttl <= w.last; ttl++ {
		key := [2]string{cli.Escape(w.label()), strconv.Itoa(ttl)}
		if m.labels[key] {
			m.probes.DeletePartialMatch(prometheus.Labels{"target": key[0], "hop": key[1]})
			m.rtt.DeleteLabelValues(key[0], key[1])
		}
	}
	for i := range probes {
		m.probe(w.label(), &probes[i])
	}
}

// trail sets what is known of the way to a host.
func (m *metrics) trail(w *trail) {
	if m == nil {
		return
	}
	target, _ := m.bounded(w.label(), 0)
	reached := 0.0
	if w.reached() {
		reached = 1
	}
	m.reached.WithLabelValues(target).Set(reached)
	m.hops.WithLabelValues(target).Set(float64(w.distance))
	if w.mtu != nil {
		m.mtu.WithLabelValues(target).Set(float64(w.mtu.Size))
	}
	m.losses(m.loss, w.label(), w)
	if w.far == nil || w.far.err != nil {
		return
	}
	m.far.WithLabelValues(target, "there").Set(counted(&w.far.there).Loss())
	m.far.WithLabelValues(target, "back").Set(counted(&w.far.back).Loss())
	if back := w.far.known(); back != nil {
		m.backHops.WithLabelValues(target).Set(float64(back.distance))
		m.losses(m.backLoss, w.label(), back)
	}
}

// losses sets the loss of each hop of a way.
func (m *metrics) losses(gauge *prometheus.GaugeVec, of string, w *trail) {
	target, _ := m.bounded(of, 0)
	gauge.DeletePartialMatch(prometheus.Labels{"target": target})
	for _, h := range w.shown() {
		label, hop := m.bounded(of, h.ttl)
		verdict := "clean"
		if v := w.verdict(h.ttl); v != nil {
			verdict = v.Finding.String()
		}
		gauge.WithLabelValues(label, hop, verdict).Set(h.loss())
	}
}
