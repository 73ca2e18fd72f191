package cwmp_test

import (
	"fmt"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// An Inform is scanned for the device and one parameter, whose value is then
// replaced in the bytes.
func Example() {
	body := []byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:cwmp="urn:dslforum-org:cwmp-1-0"><s:Body><cwmp:Inform>` +
		`<DeviceId><Manufacturer>Make</Manufacturer><OUI>00-d0-9e</OUI><ProductClass>HG 8245</ProductClass><SerialNumber>SN1</SerialNumber></DeviceId>` +
		`<ParameterList><ParameterValueStruct><Name>Device.ManagementServer.ConnectionRequestURL</Name><Value>http://10.0.0.9:7547/</Value></ParameterValueStruct></ParameterList>` +
		`</cwmp:Inform></s:Body></s:Envelope>`)

	m, err := cwmp.Scan(body, cwmp.Options{Params: func(name []byte) bool {
		return strings.HasSuffix(string(name), ".ConnectionRequestURL")
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Kind, m.Method, m.Device)

	body, err = cwmp.Rewrite(body, "", []cwmp.Edit{{At: m.Params[0].At, Text: "http://cr.isp.example/?t=1&d=2"}})
	_, after, _ := strings.Cut(string(body), "<Value>")
	fmt.Println(after[:strings.Index(after, "<")], err)
	// Output:
	// request Inform 00D09E-HG%208245-SN1
	// http://cr.isp.example/?t=1&amp;d=2 <nil>
}
