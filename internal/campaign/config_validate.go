package campaign

import (
	"strconv"
	"time"
)

const (
	maxKeptCampaigns = 10_000
	maxKeptDevices   = 20_000_000
)

// Validate reports every problem. Defaults must be filled in.
func (c *Config) Validate(report func(key, value, problem string)) {
	count := func(key string, value, most int) {
		if value < 1 || value > most {
			report(key, strconv.Itoa(value), "must be from 1 to "+strconv.Itoa(most))
		}
	}
	count("max_campaigns", c.MaxCampaigns, maxKeptCampaigns)
	count("max_devices", c.MaxDevices, maxKeptDevices)
	if !(c.RatePerSecond > 0 && c.RatePerSecond <= maxRate) {
		report("rate_per_second", strconv.FormatFloat(c.RatePerSecond, 'f', -1, 64), "must be more than 0 and at most "+strconv.Itoa(maxRate))
	}
	if c.ArriveWithin < time.Second || c.ArriveWithin > maxArriveWithin {
		report("arrive_within", c.ArriveWithin.String(), "must be from 1s to 90 days, "+maxArriveWithin.String())
	}
}
