// Package connreq makes a CPE call home. It owns Connection Requests: it
// coalesces them per device, sends them by UDP or HTTP in the order that the
// device's history suggests, and takes only the Inform with 6 CONNECTION REQUEST
// for a success. It serves ACSs as well: the ConnectionRequestURL and the
// UDPConnectionRequestAddress that they see lead here. It contacts nothing but
// addresses that were learned from the very device.
package connreq
