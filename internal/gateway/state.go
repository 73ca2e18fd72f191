package gateway

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/boltstore"
	"github.com/acsgate/acsgate/internal/store/memstore"
	"github.com/acsgate/acsgate/policy"
)

// openStore opens the store of the configuration, and returns what sweeps it.
func openStore(cfg *config.Config) (store.Store, func(context.Context) error, error) {
	if cfg.Store.Memory != nil {
		s := memstore.New(time.Now)
		return s, s.Run, nil
	}
	c := *cfg.Store.Bolt
	if !filepath.IsAbs(c.Path) {
		c.Path = filepath.Join(cfg.DataDir, c.Path)
	}
	s, err := boltstore.Open(c, time.Now)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Run, nil
}

// noteHealth takes an observation and logs what it changes.
func (g *Gateway) noteHealth(acs string, o policy.Observation) {
	before := g.health.Snapshot()
	if g.health.Observe(acs, o, time.Now()) {
		g.logHealth(before)
	}
}

func (g *Gateway) tickHealth(now time.Time) {
	before := g.health.Snapshot()
	if g.health.Tick(now) {
		g.logHealth(before)
	}
}

// returnACS brings the sessions of an ACS back from its backup, as an operator says.
func (g *Gateway) returnACS(acs string) error {
	before := g.health.Snapshot()
	if err := g.health.Return(acs, time.Now()); err != nil {
		return err
	}
	g.logHealth(before)
	return nil
}

// logHealth says which ACSs have changed their state. An operator must act when
// one is down.
func (g *Gateway) logHealth(before *policy.Snapshot) {
	for _, s := range g.health.Snapshot().Changes(before) {
		g.publishHealth(&s)
		fields := []zap.Field{
			zap.String("acs", s.ACS), zap.Stringer("state", s.State), zap.Stringer("was", s.Previous),
			zap.String("reason", s.Reason), zap.Bool("sessions_on_backup", s.Away), zap.String("backup", s.Backup),
		}
		if s.State == policy.Down {
			g.log.Error("acs changed state", fields...)
		} else {
			g.log.Info("acs changed state", fields...)
		}
	}
}

// healthCollector shows the health of each ACS to Prometheus.
type healthCollector struct{ health *policy.Health }

var (
	stateDesc = prometheus.NewDesc("acsgate_acs_state", "1 for the state that the ACS is in.", []string{"acs", "state"}, nil)
	awayDesc  = prometheus.NewDesc("acsgate_acs_sessions_on_backup", "1 while sessions of the ACS go to its backup.", []string{"acs"}, nil)
	seenDesc  = prometheus.NewDesc("acsgate_acs_observations_total", "Probes and exchanges by what they showed.", []string{"acs", "source", "result"}, nil)
)

// Describe implements prometheus.Collector.
func (healthCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- stateDesc
	ch <- awayDesc
	ch <- seenDesc
}

// Collect implements prometheus.Collector.
func (c healthCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.health.Snapshot().States() {
		for _, state := range policy.States() {
			ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, number(s.State == state), s.ACS, state.String())
		}
		ch <- prometheus.MustNewConstMetric(awayDesc, prometheus.GaugeValue, number(s.Away), s.ACS)
		for _, n := range []struct {
			source, result string
			count          uint64
		}{
			{"probe", "ok", s.Counts.ProbeOK}, {"probe", "failed", s.Counts.ProbeFailed},
			{"session", "ok", s.Counts.SessionOK}, {"session", "failed", s.Counts.SessionFailed},
		} {
			ch <- prometheus.MustNewConstMetric(seenDesc, prometheus.CounterValue, float64(n.count), s.ACS, n.source, n.result)
		}
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
