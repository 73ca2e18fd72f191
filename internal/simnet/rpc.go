package simnet

import (
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// answer carries out a request of the ACS. It returns the kind of the message
// to send, "Fault" or the method with "Response", and its body.
func (c *CPE) answer(m *acsMessage) (kind string, body []byte) {
	style := c.make.Style
	env := style.Prefix
	if style.MirrorPrefix {
		env = m.prefix()
	}
	e := newEnvelope(&style, env, m.idText(), "")
	c.lastFault = ""
	handler, ok := rpcHandlers[m.method]
	if !ok {
		handler = func(*CPE, *element) rpcAnswer { return rpcAnswer{fault: cwmp.FaultMethodNotSupported} }
	}
	a := handler(c, m.rpc)
	if a.fault != "" {
		c.lastFault = a.fault
		e.fault(a.fault, cwmp.FaultText(a.fault), a.faults)
		return "Fault", e.finish()
	}
	kind = m.method + "Response"
	e.open(style.CWMPPrefix+":"+kind, "")
	if a.write != nil {
		a.write(e)
	}
	e.close(style.CWMPPrefix + ":" + kind)
	return kind, e.finish()
}

// rpcAnswer is a response, or a fault when fault is not empty.
type rpcAnswer struct {
	write  func(*envelope)
	fault  string
	faults []paramFault
}

// rpcHandlers are the methods that a simulated CPE offers. TR-069 A.3.
var rpcHandlers = map[string]func(*CPE, *element) rpcAnswer{
	"GetRPCMethods":          (*CPE).getRPCMethods,
	"SetParameterValues":     (*CPE).setParameterValues,
	"GetParameterValues":     (*CPE).getParameterValues,
	"GetParameterNames":      (*CPE).getParameterNames,
	"SetParameterAttributes": (*CPE).setParameterAttributes,
	"GetParameterAttributes": (*CPE).getParameterAttributes,
	"AddObject":              (*CPE).addObject,
	"DeleteObject":           (*CPE).deleteObject,
	"Reboot":                 (*CPE).reboot,
	"Download":               (*CPE).download,
	"Upload":                 (*CPE).upload,
	"FactoryReset":           (*CPE).factoryReset,
	"ScheduleInform":         (*CPE).scheduleInform,
}

// rpcMethods is their list, for GetRPCMethodsResponse.
var rpcMethods = []string{
	"GetRPCMethods", "SetParameterValues", "GetParameterValues", "GetParameterNames", "SetParameterAttributes",
	"GetParameterAttributes", "AddObject", "DeleteObject", "Reboot", "Download", "Upload", "FactoryReset", "ScheduleInform",
}

func (c *CPE) getRPCMethods(*element) rpcAnswer {
	return rpcAnswer{write: func(e *envelope) {
		e.array("MethodList", "xsd:string", len(rpcMethods))
		for _, method := range rpcMethods {
			e.leaf("string", "", method)
		}
		e.close("MethodList")
	}}
}

// collect returns the parameters of a ParameterNames list; ok is false when a
// name is unknown.
func (c *CPE) collect(rpc *element) (params []Parameter, ok bool) {
	names := rpc.child("ParameterNames")
	if names == nil {
		return nil, false
	}
	for _, n := range names.nodes {
		found := c.tree.Under(n.trimmed())
		if len(found) == 0 {
			return nil, false
		}
		params = append(params, found...)
	}
	return params, true
}

func (c *CPE) getParameterValues(rpc *element) rpcAnswer {
	params, ok := c.collect(rpc)
	if !ok {
		return rpcAnswer{fault: cwmp.FaultInvalidName}
	}
	return rpcAnswer{write: func(e *envelope) { e.parameterList(c.hidden(params), 0) }}
}

func (c *CPE) setParameterValues(rpc *element) rpcAnswer {
	list := rpc.child("ParameterList")
	if list == nil {
		return rpcAnswer{fault: cwmp.FaultInvalidArguments}
	}
	values := make([]Parameter, 0, len(list.nodes))
	for _, n := range list.nodes {
		values = append(values, Parameter{Name: n.value("Name"), Value: n.value("Value")})
	}
	if a, refused := c.refuseURL(values); refused {
		return a
	}
	if faults := c.tree.set(values); faults != nil {
		return rpcAnswer{fault: cwmp.FaultInvalidArguments, faults: faults}
	}
	c.tree.Put(c.make.Root+"ManagementServer.ParameterKey", rpc.value("ParameterKey"))
	c.takeLogin(values)
	status := c.takeURL(values)
	return rpcAnswer{write: func(e *envelope) { e.leaf("Status", "", status) }}
}

func (c *CPE) getParameterNames(rpc *element) rpcAnswer {
	path := rpc.value("ParameterPath")
	names := c.tree.names(path, isTrue(rpc.value("NextLevel")), c.make.Style.ObjectsInNames)
	if len(c.tree.Under(path)) == 0 {
		return rpcAnswer{fault: cwmp.FaultInvalidName}
	}
	return rpcAnswer{write: func(e *envelope) {
		e.array("ParameterList", e.style.CWMPPrefix+":ParameterInfoStruct", len(names))
		for _, p := range names {
			e.open("ParameterInfoStruct", "")
			e.leaf("Name", "", p.Name)
			e.leaf("Writable", "", e.boolean(p.Writable))
			e.close("ParameterInfoStruct")
		}
		e.close("ParameterList")
	}}
}

func (c *CPE) setParameterAttributes(rpc *element) rpcAnswer {
	list := rpc.child("ParameterList")
	if list == nil {
		return rpcAnswer{fault: cwmp.FaultInvalidArguments}
	}
	for _, n := range list.nodes {
		if len(c.tree.Under(n.value("Name"))) == 0 {
			return rpcAnswer{fault: cwmp.FaultInvalidName}
		}
	}
	return rpcAnswer{}
}

func (c *CPE) getParameterAttributes(rpc *element) rpcAnswer {
	params, ok := c.collect(rpc)
	if !ok {
		return rpcAnswer{fault: cwmp.FaultInvalidName}
	}
	return rpcAnswer{write: func(e *envelope) {
		e.array("ParameterList", e.style.CWMPPrefix+":ParameterAttributeStruct", len(params))
		for _, p := range params {
			e.open("ParameterAttributeStruct", "")
			e.leaf("Name", "", p.Name)
			e.leaf("Notification", "", "0")
			e.array("AccessList", "xsd:string", 0)
			e.close("AccessList")
			e.close("ParameterAttributeStruct")
		}
		e.close("ParameterList")
	}}
}

func (c *CPE) addObject(rpc *element) rpcAnswer {
	instance, ok := c.tree.addObject(rpc.value("ObjectName"))
	if !ok {
		return rpcAnswer{fault: cwmp.FaultInvalidName}
	}
	return rpcAnswer{write: func(e *envelope) {
		e.leaf("InstanceNumber", "", strconv.Itoa(instance))
		e.leaf("Status", "", "0")
	}}
}

func (c *CPE) deleteObject(rpc *element) rpcAnswer {
	if !c.tree.deleteObject(rpc.value("ObjectName")) {
		return rpcAnswer{fault: cwmp.FaultInvalidName}
	}
	return rpcAnswer{write: func(e *envelope) { e.leaf("Status", "", "0") }}
}

func (c *CPE) reboot(rpc *element) rpcAnswer {
	c.addEvent(cwmp.Event{Code: "1 BOOT"})
	c.addEvent(cwmp.Event{Code: "M Reboot", CommandKey: rpc.value("CommandKey")})
	c.move.restart = true
	return rpcAnswer{}
}

func (c *CPE) factoryReset(*element) rpcAnswer {
	c.tree.own, c.tree.added = nil, nil
	c.tree.Put(c.make.Root+"DeviceInfo.SerialNumber", c.cfg.Device.SerialNumber)
	c.resetURL()
	c.queue = nil
	c.events = []cwmp.Event{{Code: "0 BOOTSTRAP"}, {Code: "1 BOOT"}}
	return rpcAnswer{}
}

func (c *CPE) scheduleInform(rpc *element) rpcAnswer {
	c.addEvent(cwmp.Event{Code: "3 SCHEDULED"})
	c.addEvent(cwmp.Event{Code: "M ScheduleInform", CommandKey: rpc.value("CommandKey")})
	return rpcAnswer{}
}

func (c *CPE) download(rpc *element) rpcAnswer { return c.startTransfer("Download", rpc) }
func (c *CPE) upload(rpc *element) rpcAnswer   { return c.startTransfer("Upload", rpc) }

// startTransfer pretends to transfer a file, which is never fetched: the next
// session reports it as complete. TR-069 A.3.2.8.
func (c *CPE) startTransfer(method string, rpc *element) rpcAnswer {
	key := rpc.value("CommandKey")
	c.addEvent(cwmp.Event{Code: "7 TRANSFER COMPLETE"})
	c.addEvent(cwmp.Event{Code: "M " + method, CommandKey: key})
	c.queue = append(c.queue, transferComplete(key, c.now()))
	return rpcAnswer{write: func(e *envelope) {
		e.leaf("Status", "", "1")
		e.leaf("StartTime", "", unknownTime)
		e.leaf("CompleteTime", "", unknownTime)
	}}
}

// unknownTime is TR-069's way to say that a time is not known. TR-069 A.2.1.
const unknownTime = "0001-01-01T00:00:00Z"

func transferComplete(key string, now time.Time) ownRequest {
	stamp := now.UTC().Format("2006-01-02T15:04:05Z")
	return ownRequest{method: "TransferComplete", write: func(e *envelope, name string) {
		e.open(name, "")
		e.leaf("CommandKey", "", key)
		e.open("FaultStruct", "")
		e.leaf("FaultCode", "", "0")
		e.leaf("FaultString", "", "")
		e.close("FaultStruct")
		e.leaf("StartTime", "", stamp)
		e.leaf("CompleteTime", "", stamp)
		e.close(name)
	}}
}

// AskRPCMethods makes the CPE send a GetRPCMethods of its own in the next
// session, as soon as HoldRequests allows it.
func (c *CPE) AskRPCMethods() {
	c.queue = append(c.queue, ownRequest{method: "GetRPCMethods", write: func(e *envelope, name string) {
		e.open(name, "")
		e.close(name)
	}})
}
