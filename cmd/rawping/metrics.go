package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sockwire/raw"
	"sockwire/raw/probe"
)

// mostLabels bounds how many targets have time series of their own; the others share the label "other".
const mostLabels = 10000

// metrics serves what is seen to Prometheus.
type metrics struct {
	rtt     *prometheus.HistogramVec
	echoes  *prometheus.CounterVec
	dups    *prometheus.CounterVec
	revised *prometheus.CounterVec
	labels  map[string]bool
	server  *http.Server
}

// serveMetrics returns the address it listens on too, for one given with port 0.
func serveMetrics(address string) (*metrics, string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("--metrics: %w", err)
	}
	m := &metrics{labels: make(map[string]bool)}
	m.rtt = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rawping_rtt_seconds", Help: "Round-trip times of answered echoes.", Buckets: prometheus.ExponentialBuckets(10e-6, 2, 20),
	}, []string{"target"})
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"target"}, labels...))
	}
	m.echoes = counter("rawping_echoes_total", "Echoes by how they ended and why.", "outcome", "cause")
	m.dups = counter("rawping_duplicates_total", "Further answers to echoes that had one.")
	m.revised = counter("rawping_revised_total",
		"Echoes whose answer came after they had been counted in another way, by that; they are in both counts.", "outcome")
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.rtt, m.echoes, m.dups, m.revised)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := m.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			l.Close()
		}
	}()
	return m, l.Addr().String(), nil
}

func (m *metrics) close() { m.server.Close() }

func (m *metrics) echo(target string, e *raw.Echo) {
	if !m.labels[target] {
		if len(m.labels) >= mostLabels {
			target = "other"
		} else {
			m.labels[target] = true
		}
	}
	if e.Duplicate {
		m.dups.WithLabelValues(target).Inc()
		return
	}
	if e.Revised {
		m.revised.WithLabelValues(target, e.Was.String()).Inc()
	}
	m.echoes.WithLabelValues(target, e.Outcome.String(), e.Cause.String()).Inc()
	if e.Outcome == probe.Answered || e.Outcome == probe.Late {
		m.rtt.WithLabelValues(target).Observe(e.RTT.Seconds())
	}
}
