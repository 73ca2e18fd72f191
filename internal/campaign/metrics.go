package campaign

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the engine. None has a label of a campaign or a device.
type metrics struct {
	moves                         *prometheus.CounterVec
	wakes                         *prometheus.CounterVec
	dropped, storeErrors, damaged prometheus.Counter
}

func newMetrics(e *Engine, registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_campaign_changes_total", Help: "Devices that came into a state, by kind of campaign.",
		}, []string{"kind", "state"}),
		wakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acsgate_campaign_wakes_total", Help: "Devices that campaigns asked for a session, by whether they can be asked.",
		}, []string{"result"}),
		dropped:     counter("acsgate_campaign_notes_dropped_total", "Events of sessions that found no room; the next session tells the same."),
		storeErrors: counter("acsgate_campaign_store_errors_total", "Writes to the store that failed."),
		damaged:     counter("acsgate_campaign_damaged_total", "Entries of the store that made no sense and were left out."),
	}
	m.wakes.WithLabelValues("asked")
	m.wakes.WithLabelValues("cannot")
	var err error
	for _, c := range []prometheus.Collector{m.moves, m.wakes, m.dropped, m.storeErrors, m.damaged, census{e}} {
		err = errors.Join(err, registerer.Register(c))
	}
	return m, err
}

func (m *metrics) move(k Kind, s State) { m.moves.WithLabelValues(string(k), s.String()).Inc() }

func (m *metrics) wake(err error) {
	result := "asked"
	if err != nil {
		result = "cannot"
	}
	m.wakes.WithLabelValues(result).Inc()
}

// census counts campaigns and their devices when it is asked.
type census struct{ e *Engine }

var (
	devicesDesc = prometheus.NewDesc("acsgate_campaign_devices",
		"Devices of campaigns, by kind of campaign and how far it is with them.", []string{"kind", "state"}, nil)
	campaignsDesc = prometheus.NewDesc("acsgate_campaigns",
		"Campaigns by kind and status.", []string{"kind", "status"}, nil)
)

// Describe is of prometheus.Collector.
func (c census) Describe(ch chan<- *prometheus.Desc) {
	ch <- devicesDesc
	ch <- campaignsDesc
}

// Collect is of prometheus.Collector. It looks at some devices at a time.
func (c census) Collect(ch chan<- prometheus.Metric) {
	devices, campaigns := map[Kind]*Counts{}, map[[2]string]int{}
	for _, k := range Kinds() {
		devices[k] = &Counts{}
		for _, s := range statuses() {
			campaigns[[2]string{string(k), string(s)}] = 0
		}
	}
	for _, x := range c.e.all() {
		v := c.e.view(x)
		for s, n := range v.Counts {
			devices[v.Kind][s] += n
		}
		campaigns[[2]string{string(v.Kind), string(v.Status)}]++
	}
	for _, k := range Kinds() {
		for s, n := range devices[k] {
			ch <- prometheus.MustNewConstMetric(devicesDesc, prometheus.GaugeValue, float64(n), string(k), State(s).String())
		}
	}
	for labels, n := range campaigns {
		ch <- prometheus.MustNewConstMetric(campaignsDesc, prometheus.GaugeValue, float64(n), labels[:]...)
	}
}
