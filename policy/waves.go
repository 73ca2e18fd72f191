package policy

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// WaveConfig is one wave of a campaign. One of Percent and Count says how far
// the wave reaches: both count from the first device, so that 1, 10, 100 are
// three waves of 1 %, 9 % and 90 %.
type WaveConfig struct {
	Percent float64 `yaml:"percent" json:"percent,omitempty"` // of the devices that the campaign selects
	Count   int     `yaml:"count" json:"count,omitempty"`     // devices
	// PerSecond limits how many devices a second the wave begins with; 0 means
	// no limit.
	PerSecond float64  `yaml:"per_second" json:"per_second,omitempty"`
	Criteria  Criteria `yaml:"criteria" json:"criteria"`
}

// Waves divides the devices that a campaign selects. Every device stands at a
// fixed point, derived from the campaign's name and its identity, and belongs to
// the first wave that reaches this point. Devices that become known later have
// their wave as well, no device is in two, and where a wave is made to reach
// further it only gains devices from those after it. Immutable and safe for
// concurrent use.
type Waves struct {
	share  *share
	limits []uint64 // of each wave, in units of 2^-53; ascending
}

// NewWaves divides devices. They are asked for when a wave has a Count, and then
// must be those that the campaign selects: a count reaches as far as that many
// of them. Two devices at one point are never parted. The error names what is
// wrong with the waves.
func NewWaves(campaign string, waves []WaveConfig, devices iter.Seq[cwmp.Key]) (*Waves, error) {
	if err := checkWaves(waves); err != nil {
		return nil, err
	}
	w := &Waves{share: waveShare(campaign)}
	var points []uint64
	for i, c := range waves {
		if c.Count == 0 {
			w.limits = append(w.limits, newShare("", c.Percent).below)
			continue
		}
		if points == nil && devices != nil {
			points = w.points(devices)
		}
		limit := uint64(1 << pointBits)
		if c.Count < len(points) {
			limit = points[c.Count-1] + 1
		}
		w.limits = append(w.limits, limit)
		if i > 0 && limit < w.limits[i-1] {
			return nil, fmt.Errorf("waves[%d]: count %d reaches less far than the wave before it", i, c.Count)
		}
	}
	for i := 1; i < len(w.limits); i++ {
		if w.limits[i] < w.limits[i-1] {
			return nil, fmt.Errorf("waves[%d]: reaches less far than the wave before it", i)
		}
	}
	return w, nil
}

// RestoreWaves makes the Waves that have these Limits.
func RestoreWaves(campaign string, limits []uint64) *Waves {
	return &Waves{share: waveShare(campaign), limits: slices.Clone(limits)}
}

// waveShare places devices on waves. It does so independently of the campaign's
// own percentage, which selected those with low points in its name's sequence.
func waveShare(campaign string) *share { return newShare("waves of "+campaign, 100) }

func (w *Waves) points(devices iter.Seq[cwmp.Key]) []uint64 {
	points := []uint64{}
	for id := range devices {
		points = append(points, w.share.point(id))
	}
	slices.Sort(points)
	return points
}

// Len is the number of waves.
func (w *Waves) Len() int { return len(w.limits) }

// Limits returns how far each wave reaches, for a record from which RestoreWaves
// makes the same division, whatever devices come and go.
func (w *Waves) Limits() []uint64 { return slices.Clone(w.limits) }

// Of returns the wave of a device, from 0; false says that no wave reaches it.
func (w *Waves) Of(id cwmp.Key) (int, bool) {
	at := w.share.point(id)
	i, _ := slices.BinarySearch(w.limits, at+1)
	return i, i < len(w.limits)
}

// Reach returns how far a wave reaches, in percent of devices.
func (w *Waves) Reach(wave int) float64 { return float64(w.limits[wave]) / (1 << pointBits) * 100 }

// Allowance returns how many devices a wave may have begun with after running
// for a time without pause: the first at once, then evenly. No rate is no limit.
func Allowance(perSecond float64, running time.Duration) int {
	const unlimited = 1 << 30
	if perSecond <= 0 {
		return unlimited
	}
	return int(min(max(running, 0).Seconds()*perSecond, unlimited-1)) + 1
}

// checkWaves reports what is wrong with waves whatever the devices are.
func checkWaves(waves []WaveConfig) error {
	var problems []error
	r := reporter(func(key, value, problem string) {
		problems = append(problems, fmt.Errorf("%s: %q %s", key, value, problem))
	})
	if len(waves) == 0 {
		r("waves", "", "is missing: add at least - {percent: 100}")
	}
	for i := range waves {
		waves[i].validate(r.within("waves[" + strconv.Itoa(i) + "]."))
		if i > 0 && waves[i].Count == 0 && waves[i-1].Count == 0 && waves[i].Percent <= waves[i-1].Percent {
			r("waves["+strconv.Itoa(i)+"].percent", text(waves[i].Percent), "is not more than "+text(waves[i-1].Percent)+" of the wave before: percentages count from the first device")
		}
		if i > 0 && waves[i].Count > 0 && waves[i].Count <= waves[i-1].Count {
			r("waves["+strconv.Itoa(i)+"].count", strconv.Itoa(waves[i].Count), "is not more than "+strconv.Itoa(waves[i-1].Count)+" of the wave before: counts begin at the first device")
		}
	}
	return errors.Join(problems...)
}

func (c *WaveConfig) validate(r reporter) {
	r.number("percent", c.Percent, 100)
	r.number("per_second", c.PerSecond, maxRate)
	switch {
	case c.Count < 0:
		r("count", strconv.Itoa(c.Count), "must be at least 1")
	case c.Count > 0 && c.Percent != 0:
		r("count", strconv.Itoa(c.Count), "stands beside percent: choose one of the two")
	case c.Count == 0 && c.Percent == 0:
		r("percent", "0", "is a wave without devices: write percent or count")
	}
	c.Criteria.validate(r.within("criteria."))
}
