package gateway

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/capture"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestCaptures_ErrorsAreThoseOfTheAPI: one may be forgotten between a look and a
// download.
func TestCaptures_ErrorsAreThoseOfTheAPI(t *testing.T) {
	c, err := capture.New(capture.Config{}, capture.Deps{Now: time.Now, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	api := (&Gateway{captures: c}).captureAPI()
	id := cwmp.DeviceID{OUI: "00D09E", SerialNumber: "1"}
	view, err := api.Start(id, "noc", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, again := api.Start(id, "noc", time.Minute)
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"second start":     {again, http.StatusConflict},
		"unknown stop":     {api.Stop("x"), http.StatusNotFound},
		"unknown download": {api.Write(io.Discard, "x", "text"), http.StatusNotFound},
		"unknown format":   {api.Write(io.Discard, view.ID, "pdf"), http.StatusBadRequest},
	} {
		if status, _ := admin.StatusOf(test.err); test.err == nil || status != test.want {
			t.Errorf("%s: %d, want %d: %v", name, status, test.want, test.err)
		}
	}
}
