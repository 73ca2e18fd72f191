package admin

import "testing"

func TestCampaignView_WaveProgress(t *testing.T) {
	counts := map[string]int{"pending": 5, "asked": 3, "routed": 7, "setting": 1, "set": 2, "arrived": 20, "failed": 4, "skipped": 6, "undoing": 1, "undone": 2}
	for _, test := range []struct {
		phase int
		want  WaveProgress
	}{
		{1, WaveProgress{Total: 45, Tried: 34, Arrived: 20, Failed: 4, Waiting: 8, Back: 3}},
		{2, WaveProgress{Total: 45, Tried: 27, Arrived: 20, Failed: 4, Waiting: 15, Back: 3}},
	} {
		v := CampaignView{Phase: test.phase, WaveTotals: []int{0, 51}, WaveCounts: []map[string]int{{}, counts}}
		p, ok := v.WaveProgress(1)
		if !ok || p != test.want || p.Arrived+p.Failed+p.Open()+p.Waiting+p.Back != p.Total {
			t.Errorf("phase %d: %+v, want %+v", test.phase, p, test.want)
		}
	}
	for _, wave := range []int{-1, 2} {
		if _, ok := (&CampaignView{WaveTotals: make([]int, 3), WaveCounts: make([]map[string]int, 2)}).WaveProgress(wave); ok {
			t.Errorf("wave %d", wave)
		}
	}
}
