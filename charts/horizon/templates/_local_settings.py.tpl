{{- define "horizon.local_settings" -}}
import os

DEBUG = {{ ternary "True" "False" .Values.debug }}
SECRET_KEY = os.environ["HORIZON_SECRET_KEY"]

# Any name of the Service, the Ingress or a node may be in a request; probes use the pod's address.
ALLOWED_HOSTS = ["*"]
WEBROOT = "/"
{{- if and .Values.global.ingress.enabled .Values.port.ingress }}

# The Ingress ends TLS.
USE_X_FORWARDED_HOST = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
{{- if not .Values.port.node }}
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_SECURE = True
{{- end }}
{{- end }}

# Sessions and all else that replicas share.
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
CACHES = {
    "default": {
        "BACKEND": {{ printf "django.core.cache.backends.memcached.%s" (ternary "PyMemcacheCache" "MemcachedCache" (eq (include "common.since" (list . "antelope")) "true")) | toJson }},
        "LOCATION": {{ printf "%s:11211" (include "common.host" (list . "horizon" "memcached")) | toJson }},
    },
}

# The image was built with its static files collected and compressed.
STATIC_ROOT = {{ include "horizon.static" . | toJson }}
COMPRESS_OFFLINE = True

OPENSTACK_KEYSTONE_URL = {{ include "common.keystoneURL" (list . "horizon") | toJson }}
OPENSTACK_KEYSTONE_DEFAULT_DOMAIN = "Default"
OPENSTACK_KEYSTONE_DEFAULT_ROLE = {{ ternary "member" "_member_" (eq (include "common.since" (list . "rocky")) "true") | toJson }}
OPENSTACK_API_VERSIONS = {"identity": 3}
OPENSTACK_ENDPOINT_TYPE = "internalURL"
AVAILABLE_REGIONS = [(OPENSTACK_KEYSTONE_URL, {{ .Values.global.openstack.region | toJson }})]

HORIZON_IMAGES_UPLOAD_MODE = {{ .Values.images_upload_mode | default "off" | toJson }}

OPENSTACK_NEUTRON_NETWORK = {
    {{- if eq .Values.global.network.backend "calico" }}
    # Calico routes every network: there are no routers to make.
    "enable_router": False,
    {{- else }}
    "enable_router": True,
    {{- end }}
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": {{ ternary "DEBUG" "INFO" .Values.debug | toJson }}},
}
{{- with .Values.conf.local_settings }}

{{- . | trim | nindent 0 }}
{{- end }}
{{- end }}

{{/*
Where the image keeps its static files.
*/}}
{{- define "horizon.static" -}}
/var/lib/openstack-dashboard/static
{{- end }}
