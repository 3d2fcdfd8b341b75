package main

import (
	"fmt"
	"log"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
)

// dhcpServer answers on one interface.
type dhcpServer struct{ *server4.Server }

// serveDHCP answers an endpoint's questions on its interface with its address.
func serveDHCP(e endpoint) (*dhcpServer, error) {
	handle := func(connection net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
		reply, err := answer(e, request)
		if err != nil || reply == nil {
			log.Printf("%s: no answer to %s: %v", e.InterfaceName, request.Summary(), err)
			return
		}
		// One that has no address yet hears only what is sent to all.
		if request.ClientIPAddr.IsUnspecified() {
			peer = &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ClientPort}
		}
		if _, err := connection.WriteTo(reply.ToBytes(), peer); err != nil {
			log.Printf("%s: %v", e.InterfaceName, err)
		}
	}
	server, err := server4.NewServer(e.InterfaceName, &net.UDPAddr{Port: dhcpv4.ServerPort}, handle)
	if err != nil {
		return nil, err
	}
	go server.Serve() // until it is closed
	return &dhcpServer{server}, nil
}

func (s *dhcpServer) close() { s.Server.Close() }

// answer returns the reply to an endpoint, or nil for somebody else or a message
// that has none. The subnet that Neutron has is not in an endpoint, so the
// gateway is on a link of its own, as it is in the fabric.
func answer(e endpoint, request *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
	kind := map[dhcpv4.MessageType]dhcpv4.MessageType{
		dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeRequest: dhcpv4.MessageTypeAck,
	}[request.MessageType()]
	if kind == dhcpv4.MessageTypeNone || request.ClientHWAddr.String() != e.MAC || len(e.IPNetworks) == 0 {
		return nil, nil
	}
	address, _, err := net.ParseCIDR(e.IPNetworks[0])
	if err != nil {
		return nil, err
	}
	gateway := net.ParseIP(e.IPv4Gateway)
	if gateway == nil {
		return nil, fmt.Errorf("%q is no gateway", e.IPv4Gateway)
	}
	return dhcpv4.NewReplyFromRequest(request,
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithYourIP(address),
		dhcpv4.WithServerIP(gateway),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(gateway)),
		dhcpv4.WithNetmask(net.CIDRMask(32, 32)),
		dhcpv4.WithRouter(gateway),
		dhcpv4.WithLeaseTime(uint32((24 * time.Hour).Seconds())),
	)
}
