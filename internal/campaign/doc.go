// Package campaign moves CPEs from ACS to ACS by the hundred thousand: drains
// before maintenance, migrations between ACS vendors, and failovers that rewrite
// ManagementServer.URL. It owns who was moved, by which campaign and why, and
// keeps that in the store, exact across kill -9. It speaks no CWMP and opens no
// socket: sessions ask it where a device belongs (Engine.Placement) and what is
// to be done (Engine.Due), and tell it what happened.
package campaign
