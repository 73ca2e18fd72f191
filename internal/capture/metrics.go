package capture

import "github.com/prometheus/client_golang/prometheus"

// metrics of captures. None has a label of a device.
type metrics struct {
	kept, cut prometheus.Counter
}

func newMetrics(c *Captures, registerer prometheus.Registerer) (*metrics, error) {
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acsgate_capture_messages_total", Help: "Messages of captured sessions, by whether they found room.",
	}, []string{"result"})
	running := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acsgate_captures", Help: "Captures of devices that run.",
	}, func() float64 {
		n := 0
		for _, v := range c.List() {
			if v.Running {
				n++
			}
		}
		return float64(n)
	})
	for _, m := range []prometheus.Collector{messages, running} {
		if err := registerer.Register(m); err != nil {
			return nil, err
		}
	}
	return &metrics{kept: messages.WithLabelValues("kept"), cut: messages.WithLabelValues("cut")}, nil
}
