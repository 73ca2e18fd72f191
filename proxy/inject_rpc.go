package proxy

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// injectedID begins every cwmp:ID of the gateway. The rest is random, so that no
// ACS has used the same; 127 characters is what CPEs bear (protocol notes 1.6).
const injectedID = "gw-"

func newInjectedID() string { return injectedID + rand.Text() }

// isInjectedID tells an ID of the form that this and other gateways use.
func isInjectedID(id string) bool {
	return len(id) == len(injectedID)+26 && strings.HasPrefix(id, injectedID)
}

// envelope writes the request in the session's dialect. What the gateway sets
// leaves ManagementServer.ParameterKey at key, which is the ACS's.
func (r *RPC) envelope(d cwmp.Dialect, id, key string) ([]byte, error) {
	switch r.Method {
	case cwmp.MethodGetParameterValues:
		return cwmp.GetParameterValues(d, id, r.Names), nil
	case cwmp.MethodSetParameterValues:
		return cwmp.SetParameterValues(d, id, r.Values, key), nil
	case cwmp.MethodSetParameterAttributes:
		return cwmp.SetParameterAttributes(d, id, r.Attributes), nil
	case cwmp.MethodGetRPCMethods:
		return cwmp.GetRPCMethods(d, id), nil
	case cwmp.MethodGetParameterNames, cwmp.MethodAddObject, cwmp.MethodDeleteObject:
		if len(r.Names) != 1 {
			return nil, fmt.Errorf("rpc %q has %d names: it takes one", r.Method, len(r.Names))
		}
		if r.Method == cwmp.MethodGetParameterNames {
			return cwmp.GetParameterNames(d, id, r.Names[0], r.NextLevel), nil
		}
		return cwmp.Call(d, id, r.Method, cwmp.Argument{Name: "ObjectName", Value: r.Names[0]}, cwmp.Argument{Name: "ParameterKey", Value: key}), nil
	case cwmp.MethodGetParameterAttributes, cwmp.MethodScheduleDownload, cwmp.MethodChangeDUState, cwmp.MethodSetVouchers, cwmp.MethodGetOptions:
		return nil, fmt.Errorf("rpc %q cannot be injected: its arguments are not plain", r.Method)
	}
	if !slices.Contains(cwmp.Methods(), r.Method) {
		return nil, fmt.Errorf("rpc %q is no method of TR-069 annex A", r.Method)
	}
	return cwmp.Call(d, id, r.Method, r.Args...), nil
}

// repeatable tells an RPC that has the same effect when it is done twice.
func (r *RPC) repeatable() bool {
	switch r.Method {
	case cwmp.MethodGetParameterValues, cwmp.MethodSetParameterValues, cwmp.MethodSetParameterAttributes,
		cwmp.MethodGetRPCMethods, cwmp.MethodGetParameterNames:
		return true
	}
	return false
}

// unanswered is the result of the request but for the answer.
func (r *RPC) unanswered() RPCResult {
	result := RPCResult{Method: r.Method, Names: slices.Clone(r.Names)}
	for i := range r.Values {
		result.Names = append(result.Names, r.Values[i].Name)
	}
	for i := range r.Attributes {
		result.Names = append(result.Names, r.Attributes[i].Name)
	}
	return result
}

// Paths of what is read of answers.
const (
	pathStatus    = "Status"
	pathInstance  = "InstanceNumber"
	pathMethod    = "MethodList/string"
	pathName      = "ParameterList/ParameterInfoStruct/Name"
	pathFault     = "detail/Fault/SetParameterValuesFault/"
	pathFaultName = pathFault + "ParameterName"
	pathFaultCode = pathFault + "FaultCode"
	pathFaultText = pathFault + "FaultString"
)

// read makes the result of the CPE's answer, the one at place i of body.
func (r *RPC) read(body []byte, charset string, i int) RPCResult {
	result := r.unanswered()
	opts := cwmp.Options{Charset: charset, Params: r.asks(), Elements: []string{
		pathStatus, pathInstance, pathMethod, pathName, pathFaultName, pathFaultCode, pathFaultText,
	}}
	all, err := cwmp.ScanAll(body, opts)
	if len(all) <= i || err != nil && len(all) == 0 {
		result.Unreadable = true
		return result
	}
	m := &all[i]
	switch {
	case m.Kind == cwmp.Fault:
		result.FaultCode, result.FaultString = strings.Clone(m.FaultCode), strings.Clone(m.FaultString)
	case m.Kind != cwmp.Response || m.Method != r.Method+"Response":
		result.Unreadable = true
		return result
	}
	for j := range m.Params {
		p := &m.Params[j]
		result.Values = append(result.Values, cwmp.Param{Name: strings.Clone(p.Name), Value: strings.Clone(p.Value), Type: strings.Clone(p.Type)})
	}
	for j := range m.Elements {
		result.element(m.Elements[j].Name, strings.Clone(m.Elements[j].Value))
	}
	return result
}

// element takes one element of the answer.
func (r *RPCResult) element(path, value string) {
	if path == pathFaultName {
		r.ParamFaults = append(r.ParamFaults, cwmp.ParamFault{Name: value})
		return
	}
	n := len(r.ParamFaults)
	switch {
	case path == pathStatus:
		r.Status, _ = strconv.Atoi(value) // what is no number is 0, as nothing is
	case path == pathInstance:
		r.Instance = value
	case path == pathMethod || path == pathName:
		r.Listed = append(r.Listed, value)
	case n == 0:
	case path == pathFaultCode:
		r.ParamFaults[n-1].Code = value
	case path == pathFaultText:
		r.ParamFaults[n-1].Text = value
	}
}

// maxInjectedValues bounds the parameters that are kept of one answer.
const maxInjectedValues = 512

// asks selects the parameters that were asked for, nil for none.
func (r *RPC) asks() func([]byte) bool {
	if r.Method != cwmp.MethodGetParameterValues {
		return nil
	}
	n := 0
	return func(name []byte) bool {
		wanted := slices.ContainsFunc(r.Names, func(asked string) bool {
			return string(name) == asked || (asked == "" || strings.HasSuffix(asked, ".")) && strings.HasPrefix(string(name), asked)
		})
		if wanted {
			n++
		}
		return wanted && n <= maxInjectedValues
	}
}
