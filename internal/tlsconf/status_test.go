package tlsconf

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

func TestStatusWarnsBeforeAndAfterTheEnd(t *testing.T) {
	start := time.Now()
	now := start
	files := certFiles(t, tlstest.Spec{Names: []string{"acs.example"}, RSA: true, NotBefore: start, NotAfter: start.Add(365 * 24 * time.Hour)})
	core, logs := observer.New(zapcore.InfoLevel)
	m, err := New(Config{
		Certificates: []CertConfig{files},
		ACME:         &ACMEConfig{Names: []string{"Later.example"}},
	}, Deps{Store: memstore.New(time.Now), Log: zap.New(core), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		days  int
		state string
		logs  int // so far
	}{{0, StateOK, 0}, {334, StateOK, 0}, {336, StateExpiring, 1}, {350, StateExpiring, 1}, {366, StateExpired, 2}, {400, StateExpired, 2}} {
		now = start.Add(time.Duration(tt.days) * 24 * time.Hour)
		m.warnExpiry()
		if got := m.Status()[0].State; got != tt.state || logs.Len() != tt.logs {
			t.Errorf("day %d: %s with %d lines, want %s with %d", tt.days, got, logs.Len(), tt.state, tt.logs)
		}
	}
	all := m.Status()
	if len(all) != 2 || all[1].State != StateMissing || all[1].Name != "later.example" || all[1].Source != "acme" {
		t.Errorf("status %+v", all)
	}
	if s := all[0]; s.Name != "acs.example" || s.Source != "static" || s.File != files.CertFile || s.Key != "rsa" || s.Issuer != "Test CA" || s.Root != "Test CA" {
		t.Errorf("status %+v", s)
	}
}

func TestMetrics(t *testing.T) {
	end := time.Unix(2_000_000_000, 0)
	spec := tlstest.Spec{Names: []string{"acs.example"}, NotAfter: end}
	later := spec
	later.NotAfter = end.Add(time.Hour)
	registry := prometheus.NewRegistry()
	m, err := New(Config{Certificates: []CertConfig{certFiles(t, later), certFiles(t, spec)}}, Deps{Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	m.metrics.orders.WithLabelValues("ok").Inc()
	want := `
# HELP acsgate_acme_orders_total Certificates ordered by ACME, by result.
# TYPE acsgate_acme_orders_total counter
acsgate_acme_orders_total{result="ok"} 1
# HELP acsgate_certificate_expiry_timestamp_seconds When the certificate expires, in Unix time.
# TYPE acsgate_certificate_expiry_timestamp_seconds gauge
acsgate_certificate_expiry_timestamp_seconds{certificate="acs.example",source="static"} 2e+09
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	if _, err := New(Config{}, Deps{Metrics: registry}); err == nil {
		t.Error("two managers share a registry")
	}
}
