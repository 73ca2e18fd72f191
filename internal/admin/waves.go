package admin

// WaveProgress is how far a wave has come, in devices, as its criteria see it.
type WaveProgress struct {
	Total   int // without those that were left out
	Tried   int // that the campaign has begun with; the next two are among them
	Arrived int // hold sessions at the new ACS
	Failed  int
	Waiting int // for their turn, or for their next session
	Back    int // moved back, or on their way there
}

// Open is how many were tried and have neither arrived nor failed yet.
func (p WaveProgress) Open() int { return p.Tried - p.Arrived - p.Failed }

// WaveProgress returns the progress of a wave, from 0, and false where there are no numbers
// of it.
func (v *CampaignView) WaveProgress(wave int) (WaveProgress, bool) {
	if wave < 0 || wave >= len(v.WaveCounts) || wave >= len(v.WaveTotals) {
		return WaveProgress{}, false
	}
	n := v.WaveCounts[wave]
	p := WaveProgress{
		Total: v.WaveTotals[wave] - n["skipped"], Arrived: n["arrived"], Failed: n["failed"],
		Waiting: n["pending"] + n["asked"], Back: n["undoing"] + n["undone"],
	}
	if v.Phase == 2 { // what is routed waits to be rewritten
		p.Waiting += n["routed"]
	}
	p.Tried = p.Total - p.Waiting - p.Back
	return p, true
}
