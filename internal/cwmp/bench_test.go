package cwmp

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"
)

// benchInform is an Inform of about 3 KB, as a gateway sends at boot.
func benchInform() []byte {
	in := InformData{
		Device:      DeviceID{"Example Networks", "00D09E", "HG8245", "SN0123456789"},
		Events:      []Event{{Code: EventBoot}, {Code: EventValueChange}},
		CurrentTime: time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC),
	}
	for i := range 10 {
		in.Params = append(in.Params, Param{
			Name:  "InternetGatewayDevice.WANDevice.1.WANConnectionDevice." + strconv.Itoa(i) + ".Name",
			Value: "a value of the usual length",
		})
	}
	in.Params = append(in.Params,
		Param{Name: "InternetGatewayDevice.DeviceInfo.SoftwareVersion", Value: "V1.2.3"},
		Param{Name: "InternetGatewayDevice.ManagementServer.ConnectionRequestURL", Value: "http://10.1.2.3:7547/tr069"},
	)
	return Inform(DefaultDialect, "42", in)
}

func selectUsual(name []byte) bool {
	return bytes.HasSuffix(name, []byte(".SoftwareVersion")) || bytes.HasSuffix(name, []byte(".ConnectionRequestURL"))
}

func BenchmarkScanInform3KB(b *testing.B) {
	body := benchInform()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if m, err := Scan(body, Options{Params: selectUsual}); err != nil || len(m.Params) != 2 {
			b.Fatal(m, err)
		}
	}
}

func BenchmarkScanResponse3MB(b *testing.B) {
	var params []Param
	for i := range 15000 {
		params = append(params, Param{Name: "Device.Hosts.Host." + strconv.Itoa(i) + ".HostName", Value: strings.Repeat("x", 80)})
	}
	body := GetParameterValuesResponse(DefaultDialect, "1", params)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Scan(body, Options{Params: selectUsual}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewriteInform3KB(b *testing.B) {
	body := benchInform()
	m, _ := Scan(body, Options{Params: selectUsual})
	edits := []Edit{{m.Params[1].At, "http://cr.isp.example:7549/token"}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Rewrite(body, "", edits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInformResponse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = InformResponse(DefaultDialect, "42")
	}
}

func BenchmarkDeviceIDString(b *testing.B) {
	id := DeviceID{OUI: "00D09E", ProductClass: "HG8245", SerialNumber: "SN0123456789"}
	b.ReportAllocs()
	for b.Loop() {
		_ = id.String()
	}
}
