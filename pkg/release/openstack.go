package release

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"
	"k8s.io/client-go/rest"
)

// OpenStack says how to reach the APIs of the deployment.
type OpenStack struct {
	// AuthURL is Keystone's address. When it is empty, the APIs are reached
	// through the API server of Kubernetes, which works from wherever kubectl
	// does.
	AuthURL string
	// CACert is the certificate, in PEM, that AuthURL's is checked with, and
	// Insecure leaves the check out.
	CACert   []byte
	Insecure bool
}

// kindOfResource is one kind of what users make in OpenStack.
type kindOfResource struct {
	name string
	// list returns the ids of all there are, of all projects.
	list   func(context.Context) ([]string, error)
	remove func(context.Context, string) error
}

// cleanupOpenStack removes what users made, in an order that leaves no part of
// it behind on the nodes or in Calico's datastore.
func (c *Client) cleanupOpenStack(ctx context.Context, opts CleanupOptions) error {
	env, internal, err := c.openrc(ctx)
	if errors.Is(err, ErrNoOpenrc) {
		return nil // nobody could make anything
	} else if err != nil {
		return skippable(err)
	}
	provider, err := c.logIn(ctx, env, internal, *opts.OpenStack)
	if err != nil {
		return skippable(fmt.Errorf("logging in to Keystone: %w", err))
	}
	endpoint := gophercloud.EndpointOpts{Region: env["OS_REGION_NAME"], Availability: gophercloud.AvailabilityInternal}
	if opts.OpenStack.AuthURL != "" {
		endpoint.Availability = gophercloud.AvailabilityPublic
	}
	kinds, err := resourceKinds(provider, endpoint)
	if err != nil {
		return skippable(err)
	}
	for _, kind := range kinds {
		if err := c.removeAll(ctx, kind, opts.Timeout); err != nil {
			return skippable(fmt.Errorf("removing OpenStack's %s: %w", kind.name, err))
		}
	}
	return nil
}

func skippable(err error) error {
	return fmt.Errorf("%w\nTo remove the deployment without what is in it, give --skip-os-cleanup: servers that run keep running on their nodes then", err)
}

// logIn gets a token of the administrator.
func (c *Client) logIn(ctx context.Context, env map[string]string, internal string, o OpenStack) (*gophercloud.ProviderClient, error) {
	provider, err := openstack.NewClient(cmp.Or(o.AuthURL, internal, env["OS_AUTH_URL"]))
	if err != nil {
		return nil, err
	}
	if o.AuthURL == "" {
		transport, err := rest.TransportFor(c.config)
		if err != nil {
			return nil, err
		}
		provider.HTTPClient = http.Client{Transport: throughAPIServer{c, transport}}
	} else {
		config := &tls.Config{InsecureSkipVerify: o.Insecure, MinVersion: tls.VersionTLS12}
		if len(o.CACert) > 0 {
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(o.CACert) {
				return nil, errors.New("the CA certificate is not one in PEM")
			}
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = config
		provider.HTTPClient = http.Client{Transport: transport}
	}
	return provider, openstack.Authenticate(ctx, provider, gophercloud.AuthOptions{
		IdentityEndpoint: provider.IdentityEndpoint,
		Username:         env["OS_USERNAME"], Password: env["OS_PASSWORD"],
		DomainName: env["OS_USER_DOMAIN_NAME"], AllowReauth: true,
		Scope: &gophercloud.AuthScope{ProjectName: env["OS_PROJECT_NAME"], DomainName: env["OS_PROJECT_DOMAIN_NAME"]},
	})
}

// throughAPIServer sends requests for a Service of the release's namespace,
// http://NAME.NAMESPACE.svc…:PORT/, through the API server's proxy.
type throughAPIServer struct {
	client    *Client
	transport http.RoundTripper
}

func (t throughAPIServer) RoundTrip(request *http.Request) (*http.Response, error) {
	name, domain, _ := strings.Cut(request.URL.Hostname(), ".")
	if domain != "" && domain != t.client.namespace && !strings.HasPrefix(domain, t.client.namespace+".svc") {
		return nil, fmt.Errorf("%s is not a Service in the namespace %s; give --auth-url to reach OpenStack from here", request.URL.Host, t.client.namespace)
	}
	target := t.client.kube.CoreV1().RESTClient().Get().Namespace(t.client.namespace).Resource("services").
		Name(request.URL.Scheme + ":" + name + ":" + request.URL.Port()).SubResource("proxy").URL()
	through := request.Clone(request.Context())
	through.URL = &url.URL{
		Scheme: target.Scheme, Host: target.Host,
		Path: target.Path + request.URL.Path, RawQuery: request.URL.RawQuery,
	}
	through.Host = target.Host
	return t.transport.RoundTrip(through)
}

// resourceKinds are the kinds that the deployment's services have, those that
// hold others first.
func resourceKinds(provider *gophercloud.ProviderClient, endpoint gophercloud.EndpointOpts) ([]kindOfResource, error) {
	var kinds []kindOfResource
	compute, err := openstack.NewComputeV2(provider, endpoint)
	if err == nil {
		kinds = append(kinds, serverKind(compute))
	} else if !notOffered(err) {
		return nil, err
	}
	image, err := openstack.NewImageV2(provider, endpoint)
	if err == nil {
		kinds = append(kinds, imageKind(image))
	} else if !notOffered(err) {
		return nil, err
	}
	network, err := openstack.NewNetworkV2(provider, endpoint)
	if err == nil {
		kinds = append(kinds, floatingIPKind(network), routerKind(network), portKind(network), networkKind(network))
	} else if !notOffered(err) {
		return nil, err
	}
	return kinds, nil
}

// notOffered says that the catalog has no such service.
func notOffered(err error) bool {
	var missing *gophercloud.ErrEndpointNotFound
	return errors.As(err, &missing) || errors.As(err, new(gophercloud.ErrEndpointNotFound))
}

func serverKind(client *gophercloud.ServiceClient) kindOfResource {
	return kindOfResource{
		name: "servers",
		list: idsOf(servers.List(client, servers.ListOpts{AllTenants: true}), servers.ExtractServers,
			func(s servers.Server) string { return s.ID }),
		remove: func(ctx context.Context, id string) error { return servers.Delete(ctx, client, id).ExtractErr() },
	}
}

func imageKind(client *gophercloud.ServiceClient) kindOfResource {
	return kindOfResource{
		name: "images",
		list: idsOf(images.List(client, images.ListOpts{}), images.ExtractImages,
			func(i images.Image) string { return i.ID }),
		remove: func(ctx context.Context, id string) error {
			if found, err := images.Get(ctx, client, id).Extract(); err == nil && found.Protected {
				free := images.UpdateOpts{images.ReplaceImageProtected{NewProtected: false}}
				if _, err := images.Update(ctx, client, id, free).Extract(); err != nil {
					return err
				}
			}
			return images.Delete(ctx, client, id).ExtractErr()
		},
	}
}

func floatingIPKind(client *gophercloud.ServiceClient) kindOfResource {
	return kindOfResource{
		name: "floating IPs",
		list: idsOf(floatingips.List(client, floatingips.ListOpts{}), floatingips.ExtractFloatingIPs,
			func(f floatingips.FloatingIP) string { return f.ID }),
		remove: func(ctx context.Context, id string) error { return floatingips.Delete(ctx, client, id).ExtractErr() },
	}
}

func routerKind(client *gophercloud.ServiceClient) kindOfResource {
	return kindOfResource{
		name: "routers",
		list: idsOf(routers.List(client, routers.ListOpts{}), routers.ExtractRouters,
			func(r routers.Router) string { return r.ID }),
		remove: func(ctx context.Context, id string) error {
			interfaces := idsOf(ports.List(client, ports.ListOpts{DeviceID: id}), ports.ExtractPorts, func(p ports.Port) string {
				if p.DeviceOwner == "network:router_gateway" {
					return "" // goes with the router
				}
				return p.ID
			})
			attached, err := interfaces(ctx)
			if err != nil {
				return err
			}
			for _, port := range attached {
				_, err := routers.RemoveInterface(ctx, client, id, routers.RemoveInterfaceOpts{PortID: port}).Extract()
				if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
					return err
				}
			}
			return routers.Delete(ctx, client, id).ExtractErr()
		},
	}
}

func portKind(client *gophercloud.ServiceClient) kindOfResource {
	return kindOfResource{
		name: "ports",
		list: idsOf(ports.List(client, ports.ListOpts{}), ports.ExtractPorts, func(p ports.Port) string {
			if strings.HasPrefix(p.DeviceOwner, "network:") {
				return "" // Neutron's own, which go with their network
			}
			return p.ID
		}),
		remove: func(ctx context.Context, id string) error { return ports.Delete(ctx, client, id).ExtractErr() },
	}
}

func networkKind(client *gophercloud.ServiceClient) kindOfResource {
	return kindOfResource{
		name: "networks",
		list: idsOf(networks.List(client, networks.ListOpts{}), networks.ExtractNetworks,
			func(n networks.Network) string { return n.ID }),
		remove: func(ctx context.Context, id string) error { return networks.Delete(ctx, client, id).ExtractErr() },
	}
}

// idsOf reads all pages of a list, and returns the id of each item that has one.
func idsOf[T any](pages pagination.Pager, extract func(pagination.Page) ([]T, error), id func(T) string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		page, err := pages.AllPages(ctx)
		if err != nil {
			return nil, err
		}
		items, err := extract(page)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, item := range items {
			if id := id(item); id != "" {
				ids = append(ids, id)
			}
		}
		return ids, nil
	}
}

// removeAll removes everything of a kind and waits until it has gone.
func (c *Client) removeAll(ctx context.Context, kind kindOfResource, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	asked := map[string]bool{}
	var left []string
	var errs []error
	for {
		now, err := kind.list(ctx)
		switch {
		case gophercloud.ResponseCodeIs(err, http.StatusNotFound):
			return nil // an extension that this network does not have
		case err != nil && (ctx.Err() == nil || len(left) == 0):
			return err
		case err == nil && len(now) == 0:
			if len(asked) > 0 {
				c.stepf("removed %d %s in OpenStack", len(asked), kind.name)
			}
			return nil
		case err == nil:
			left = now
			if errs, err = askEach(ctx, kind, left, asked); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			late := fmt.Errorf("%d are left after %s: %s", len(left), timeout, strings.Join(left, ", "))
			return errors.Join(append([]error{late}, errs...)...)
		case <-time.After(time.Second):
		}
	}
}

// askEach asks once for the removal of each, and returns what refuses for now,
// since something that uses it still goes.
func askEach(ctx context.Context, kind kindOfResource, ids []string, asked map[string]bool) (refused []error, err error) {
	for _, id := range ids {
		if asked[id] {
			continue
		}
		err := kind.remove(ctx, id)
		switch {
		case err == nil || gophercloud.ResponseCodeIs(err, http.StatusNotFound):
			asked[id] = true
		case gophercloud.ResponseCodeIs(err, http.StatusConflict):
			refused = append(refused, err)
		default:
			return refused, fmt.Errorf("%s: %w", id, err)
		}
	}
	return refused, nil
}
