package policy

// WaveConfig is one wave of a campaign. One of Percent and Count says how far
// the wave reaches: both count from the first device, so that 1, 10, 100 are
// three waves of 1 %, 9 % and 90 %.
type WaveConfig struct {
	Percent float64 `yaml:"percent"` // of the devices that the campaign selects
	Count   int     `yaml:"count"`   // devices
	// PerSecond limits how many devices a second the wave begins with; 0 means
	// no limit.
	PerSecond float64  `yaml:"per_second"`
	Criteria  Criteria `yaml:"criteria"`
}
