package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// volumes is how many volumes each node offers, and volumesDir their folder
// there.
const (
	volumes    = 12
	volumesDir = "/var/lib/volumes"
)

// makeVolumes makes the folders of a node's volumes; own is where the node's own
// folders are kept.
func makeVolumes(own string) error {
	for i := range volumes {
		if err := os.MkdirAll(filepath.Join(own, volumesDir, fmt.Sprint(i)), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// storageManifest returns the default StorageClass and the volumes in it. They
// are local to a node, as on bare metal, so the scheduler chooses a pod's volumes
// together with its node.
func storageManifest() string {
	items := []object{{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
		"metadata": object{
			"name": "local", "annotations": object{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
	}}
	for _, node := range Nodes {
		for i := range volumes {
			items = append(items, localVolume(node, i))
		}
	}
	list, err := json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		panic(err) // it holds nothing but strings
	}
	return string(list)
}

func localVolume(node Node, i int) object {
	return object{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": object{"name": fmt.Sprintf("%s-%d", node.Name, i)},
		"spec": object{
			"capacity": object{"storage": "50Gi"}, "accessModes": []string{"ReadWriteOnce", "ReadWriteMany"},
			"storageClassName": "local", "persistentVolumeReclaimPolicy": "Retain",
			"local": object{"path": fmt.Sprintf("%s/%d", volumesDir, i)},
			"nodeAffinity": object{"required": object{"nodeSelectorTerms": []object{{"matchExpressions": []object{
				{"key": "kubernetes.io/hostname", "operator": "In", "values": []string{node.Name}},
			}}}}},
		},
	}
}
