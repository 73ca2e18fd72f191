//go:build linux

package natlab

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// TestC87_EveryHTTPListenerIsUnderstood sends HTTP Connection Requests to the
// listener of each real CPE.
func TestC87_EveryHTTPListenerIsUnderstood(t *testing.T) {
	for _, form := range simnet.RequestForms() {
		t.Run(form.Name, func(t *testing.T) {
			ln, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			id := cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG100", SerialNumber: form.Name}
			path := "/cr:1?x=%41"
			if form.RootURI {
				path = "/" // which is what icwmp says its path is
			}
			var service *connreq.Service
			cpe, err := simnet.NewRequestServer(simnet.RequestServerConfig{
				Listener: ln, Form: form, Path: path, Username: requestUser, Password: requestPassword,
				Requested: func(r simnet.ConnectionRequest) {
					service.NoteInform(id, []string{simnet.EventConnectionRequest}, time.Now())
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			service, err = connreq.New(connreq.Config{
				Timeout: patience, UDP: connreq.UDPConfig{Disabled: true},
				HTTP: connreq.HTTPConfig{AllowBasic: true, AllowNetworks: []string{"127.0.0.0/8"}},
			}, connreq.Deps{
				Target: func(cwmp.DeviceID) (connreq.Target, bool) {
					return connreq.Target{
						Device: id, URL: cpe.URL(), Source: netip.MustParseAddr("127.0.0.1"), Basic: form.Scheme == "basic",
						Logins: []connreq.Login{{Username: requestUser, Password: requestPassword}},
					}, true
				},
				Store: memstore.New(time.Now), Metrics: prometheus.NewRegistry(), Log: zap.NewNop(), Now: time.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			background(t, cpe.Run)
			background(t, service.Run)
			r, err := service.Request(t.Context(), id, "test")
			if err != nil || !r.OK || r.Transport != connreq.HTTP {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
