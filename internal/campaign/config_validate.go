package campaign

import (
	"strconv"
	"time"
)

// Validate reports what is wrong with the section.
func (c *Config) Validate(report func(key, value, problem string)) {
	number := func(key string, n, least, most int) {
		if n < least || n > most {
			report(key, strconv.Itoa(n), "is not a number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
		}
	}
	number("max_campaigns", c.MaxCampaigns, 1, 100_000)
	number("max_devices", c.MaxDevices, 1, 16_000_000)
	if !(c.RatePerSecond > 0 && c.RatePerSecond <= 1e6) {
		report("rate_per_second", strconv.FormatFloat(c.RatePerSecond, 'f', -1, 64), "is not a rate above 0 and up to 1000000")
	}
	if c.ArriveWithin < time.Second || c.ArriveWithin > 30*24*time.Hour {
		report("arrive_within", c.ArriveWithin.String(), "is not a time from 1s to 720h")
	}
}
