package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// rights are what the chart's service accounts may do, beyond what everybody
// may, in their own namespace and in kube-system: verbs, resources and names.
// Accounts that are not here may do nothing.
var rights = map[string]map[string][]string{
	"e2e-rights": {
		"glance": {"get jobs"}, "heat": {"get jobs"}, "horizon": {"get jobs"}, "keystone": {"get jobs"},
		"neutron": {"get jobs"}, "nova": {"get jobs"}, "placement": {"get jobs"},
		"keystone-fernet-rotate": {"get,update secrets keystone-fernet-keys"},
		"ccp-credentials":        {"create secrets", "get,update secrets ccp-credentials,keystone-credential-keys,keystone-fernet-keys,nova-ssh,nova-vnc-tls"},
		"ccp-label-nodes":        ofNodes,
		"ccp-hook-calico":        append([]string{"delete jobs ccp-hook-calico-apply"}, ofCalico...),
	},
	"kube-system": {
		"ccp-label-nodes": ofNodes,
		"ccp-hook-calico": append([]string{"create configmaps", "delete,get,update configmaps ccp-calico-record"}, ofCalico...),
	},
}

var (
	ofNodes  = []string{"list,patch nodes"}
	ofCalico = []string{
		"create,delete,get,list,update ippools", "create,delete,get,update bgpfilters", "create,list felixconfigurations",
		"delete,get,update felixconfigurations default", "get bgpconfigurations default",
		"get clusterinformations default", "get,list,update bgppeers",
	}
)

// TestRights holds the service accounts of the guide's deployment, those of
// hooks too, to what they need, by the API server's own account of their rights
// and by tries from pods.
func TestRights(t *testing.T) {
	hookImage(t)
	const name = "e2e-rights"
	namespace(t, name)
	applyAccounts(t, name)

	accounts := strings.Fields(run(t, "", "kubectl", "get", "serviceaccounts", "--namespace", name,
		"--output=jsonpath={.items[*].metadata.name}"))
	for where, granted := range rights {
		everybody := rules(t, where, name, "nobody")
		for _, account := range accounts {
			var got []string
			for _, rule := range rules(t, where, name, account) {
				if !slices.Contains(everybody, rule) {
					got = append(got, rule)
				}
			}
			if want := slices.Sorted(slices.Values(granted[account])); !slices.Equal(got, want) {
				t.Errorf("in %s the account %s may\n%s\nwant\n%s", where, account, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}

	run(t, "", "kubectl", "create", "secret", "generic", "foreign", "--namespace", name, "--from-literal=password=kept")
	for _, try := range []struct{ account, command, want string }{
		{"ccp-credentials", "credentials ensure --secret=ccp-credentials --password=a", ""},
		{"ccp-credentials", "credentials ensure --secret=foreign --password=a", "forbidden"},
		{"ccp-hook-calico", "credentials ensure --secret=ccp-credentials --password=b", "forbidden"},
		{"keystone", "credentials rotate --key-repository=keystone-fernet-keys", "forbidden"},
		{"keystone", "wait --endpointslice=keystone --timeout=5s", "forbidden"},
		{"mariadb", "wait --job=none", "no Kubernetes"},
	} {
		t.Run(try.account+"/"+try.command, func(t *testing.T) {
			said, err := inPod(t, name, try.account, strings.Fields(try.command))
			if try.want == "" && err != nil || try.want != "" && (err == nil || !strings.Contains(said, try.want)) {
				t.Errorf("it ended with %v and said %q, want %q", err, said, try.want)
			}
		})
	}
	kept := get[struct{ Data map[string]string }](t, "secret", "foreign", "--namespace", name)
	if len(kept.Data) != 1 {
		t.Errorf("the Secret foreign has now %v", kept.Data)
	}
}

// applyAccounts applies the accounts and roles of the guide's deployment, for
// both networks, to a namespace.
func applyAccounts(t *testing.T, name string) {
	t.Helper()
	dir := t.TempDir()
	elsewhere, accounts := filepath.Join(dir, "namespace.yaml"), filepath.Join(dir, "accounts.yaml")
	write(t, elsewhere, "kubernetes: {namespace: "+name+"}\n")
	var chosen []string
	for _, network := range []string{"calico", "openvswitch"} {
		for _, document := range documents(run(t, "", "ccp", "template", "-f", guide, "-f", elsewhere, "--network", network)) {
			kind := field(document, "kind")
			if kind == "ServiceAccount" || strings.HasSuffix(kind, "Role") || strings.HasSuffix(kind, "RoleBinding") {
				chosen = append(chosen, document)
			}
		}
	}
	write(t, accounts, strings.Join(chosen, "\n---\n"))
	config := inNamespace(t, name)
	t.Cleanup(func() { run(t, "", "kubectl", "--kubeconfig", config, "delete", "--ignore-not-found", "-f", accounts) })
	run(t, "", "kubectl", "--kubeconfig", config, "apply", "-f", accounts)
}

// rules asks the API server what an account may do in a namespace.
func rules(t *testing.T, where, namespace, account string) []string {
	t.Helper()
	review := object{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": object{"namespace": where}}
	var answer struct {
		Status struct {
			Incomplete    bool
			ResourceRules []struct{ Verbs, Resources, ResourceNames []string }
		}
	}
	out := run(t, marshal(t, review), "kubectl", "create", "--validate=false", "-f", "-", "-o", "json",
		"--as=system:serviceaccount:"+namespace+":"+account, "--as-group=system:authenticated",
		"--as-group=system:serviceaccounts", "--as-group=system:serviceaccounts:"+namespace)
	unmarshal(t, out, &answer)
	var found []string
	for _, rule := range answer.Status.ResourceRules {
		var parts []string
		for _, part := range [][]string{rule.Verbs, rule.Resources, rule.ResourceNames} {
			slices.Sort(part)
			parts = append(parts, strings.Join(part, ","))
		}
		found = append(found, strings.TrimSpace(strings.Join(parts, " ")))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// inPod runs ccp-hook in a pod with a service account, and returns what it
// printed, and an error when it failed.
func inPod(t *testing.T, namespace, account string, args []string) (string, error) {
	t.Helper()
	inside := []string{"--namespace", namespace}
	run(t, marshal(t, object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "try"},
		"spec": object{"serviceAccountName": account, "restartPolicy": "Never", "containers": []object{{
			"name": "ccp-hook", "image": registry() + "/ccp/ccp-hook:latest", "imagePullPolicy": "Always", "args": args,
			"env": []object{{"name": "CCP_HOOK_NAMESPACE", "value": namespace}},
		}}},
	}), "kubectl", append(inside, "create", "-f", "-")...)
	defer run(t, "", "kubectl", append(inside, "delete", "pod", "try", "--now")...)
	var phase string
	eventually(t, time.Minute, func() error {
		phase = run(t, "", "kubectl", append(inside, "get", "pod", "try", "--output=jsonpath={.status.phase}")...)
		if phase != "Succeeded" && phase != "Failed" {
			return fmt.Errorf("the pod is %s", phase)
		}
		return nil
	})
	said := run(t, "", "kubectl", append(inside, "logs", "try")...)
	if phase == "Failed" {
		return said, fmt.Errorf("the pod failed")
	}
	return said, nil
}
