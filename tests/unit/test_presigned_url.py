"""What is read from a presigned URL, and every reason to refuse one."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.presigned_url import MAX_URL_CHARS, PresignedUrl, UrlRefused, UrlRules, read_url

S3 = "https://signatures.s3.eu-west-3.amazonaws.com"
V4 = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-west-3%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261122T100000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=0123456789abcdef"
)
V2 = "AWSAccessKeyId=AKIDEXAMPLE&Signature=abc%2Fdef%3D&Expires=1795341600"
RULES = UrlRules(api_host="api.example.org")


def refusal(url: str, rules: UrlRules = RULES) -> tuple[str, ...]:
    with pytest.raises(UrlRefused) as caught:
        read_url(url, rules)
    return caught.value.problems


def test_v4_url_says_how_it_was_signed_and_until_when() -> None:
    url = read_url(f"{S3}/2026/a%2Fb.png?{V4}", RULES)
    assert (url.scheme, url.host, url.port) == ("https", "signatures.s3.eu-west-3.amazonaws.com", 443)
    assert url.version == "v4"
    assert url.signed_headers == ("host",)
    assert url.expires_at == datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    assert not url.session_token
    assert url.hoisted == ()
    assert url.reveal_target() == f"/2026/a%2Fb.png?{V4}"


def test_v2_url_expires_at_an_epoch_second() -> None:
    url = read_url(f"{S3}/a.png?{V2}&x-amz-security-token=t", RULES)
    assert url.version == "v2"
    assert url.expires_at == datetime.fromtimestamp(1795341600, UTC)
    assert url.signed_headers == ()
    assert url.session_token


def test_url_without_signature_never_expires() -> None:
    url = read_url(f"{S3}/a.png", RULES)
    assert (url.version, url.expires_at, url.session_token) == ("none", None, False)


@pytest.mark.parametrize(
    "broken", ["X-Amz-Expires=soon", "X-Amz-Expires=" + "9" * 30, "X-Amz-Date=yesterday", ""]
)
def test_unreadable_expiry_is_unknown_and_not_a_problem(broken: str) -> None:
    assert read_url(f"{S3}/a.png?{broken}&X-Amz-Signature=ab", RULES).expires_at is None
    assert read_url(f"{S3}/a.png?Signature=ab&Expires={'9' * 30}", RULES).expires_at is None


def test_signed_headers_are_lower_case_and_listed_once() -> None:
    query = V4.replace("SignedHeaders=host", "SignedHeaders=Content-Type%3Bhost%3Bx-amz-meta-a%3Bhost")
    assert read_url(f"{S3}/a.png?{query}", RULES).signed_headers == ("content-type", "host", "x-amz-meta-a")


def test_values_hoisted_into_the_query_are_known_by_name() -> None:
    hoisted = "x-amz-checksum-crc32=AAAAAA%3D%3D&X-Amz-Meta-Device=tablet&X-Amz-Security-Token=t&partNumber=1"
    url = read_url(f"{S3}/a.png?{hoisted}&{V4}", RULES)
    assert url.hoisted == ("x-amz-checksum-crc32", "x-amz-meta-device")
    assert url.session_token


@pytest.mark.parametrize(
    "host",
    [
        "b.s3.amazonaws.com",
        "b.s3.eu-west-3.amazonaws.com",
        "b.s3-eu-west-1.amazonaws.com",
        "s3.eu-west-3.amazonaws.com",
        "s3.amazonaws.com",
        "my.dotted.bucket.s3.eu-west-3.amazonaws.com",
        "s3.b.s3.eu-west-3.amazonaws.com",
        "b.s3.dualstack.us-gov-west-1.amazonaws.com",
        "s3-fips.dualstack.us-east-1.amazonaws.com",
        "b.s3-accelerate.amazonaws.com",
        "b.s3-accelerate.dualstack.amazonaws.com",
        "ap-123456789012.s3-accesspoint.eu-west-3.amazonaws.com",
        "x.mrap.accesspoint.s3-global.amazonaws.com",
        "b--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com",
        "b.bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com",
        "b.s3.cn-north-1.amazonaws.com.cn",
        "b.s3.eu-isoe-west-1.cloud.adc-e.uk",
        "b.s3.eusc-de-east-1.amazonaws.eu",
        "B.S3.Amazonaws.COM",
    ],
)
def test_every_form_of_s3_host_is_allowed(host: str) -> None:
    assert read_url(f"https://{host}/a.png?{V4}", RULES).host == host.lower()


@pytest.mark.parametrize(
    "host",
    [
        "b.s3.amazonaws.com.evil.test",
        "evil-amazonaws.com",
        "b.s3.evil-amazonaws.com",
        "amazonaws.com",
        "s3.abc123.execute-api.eu-west-3.amazonaws.com",
        "ec2-1-2-3-4.eu-west-3.compute.amazonaws.com",
        "b.s3-website-us-east-1.amazonaws.com",
        "b.s3-website.eu-west-3.amazonaws.com",
        "notS3.eu-west-3.amazonaws.com",
        "storage.example.org",
        "intranet",
        "localhost",
        "api.example.org",
    ],
)
def test_host_outside_the_allow_list_is_refused(host: str) -> None:
    assert f"host {host.lower()} is not on the list of upload hosts" in refusal(f"https://{host}/a.png?{V4}")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param(f"http://b.s3.amazonaws.com/a?{V4}", "it is not https", id="plain-http"),
        pytest.param(f"ftp://b.s3.amazonaws.com/a?{V4}", "it is not https", id="other-scheme"),
        pytest.param(f"//b.s3.amazonaws.com/a?{V4}", "it is not an absolute URL", id="no-scheme"),
        pytest.param(f"/a.png?{V4}", "it is not an absolute URL", id="path-only"),
        pytest.param("", "it is not an absolute URL", id="empty"),
        pytest.param(f"https:///a?{V4}", "its host is missing or malformed", id="no-host"),
        pytest.param(
            f"https://b.s3.amazonaws.com./a?{V4}", "its host is missing or malformed", id="trailing-dot"
        ),
        pytest.param(
            f"https://b%2es3.amazonaws.com/a?{V4}", "its host is missing or malformed", id="escaped-host"
        ),
        pytest.param(
            f"https://u:pw@b.s3.amazonaws.com/a?{V4}", "it carries a user name or password", id="userinfo"
        ),
        pytest.param(
            f"https://b.s3.amazonaws.com@evil.test/a?{V4}", "it carries a user name or password", id="at"
        ),
        pytest.param(f"{S3}/a?{V4}#frag", "it has a fragment", id="fragment"),
        pytest.param(f"{S3}/a?{V4}#", "it has a fragment", id="empty-fragment"),
        pytest.param(f"{S3}:8443/a?{V4}", "port 8443 is not configured for uploads", id="port"),
        pytest.param(f"{S3}:80/a?{V4}", "port 80 is not configured for uploads", id="http-port"),
        pytest.param(f"{S3}:0/a?{V4}", "its port is not a port number", id="port-zero"),
        pytest.param(f"{S3}:99999/a?{V4}", "its port is not a port number", id="port-too-high"),
        pytest.param(f"{S3}:x/a?{V4}", "its host is missing or malformed", id="port-word"),
        pytest.param(f"{S3}?{V4}", "it names no object", id="no-path"),
        pytest.param(f"{S3}/?{V4}", "it names no object", id="bucket-only"),
        pytest.param(
            f"{S3}/a b?{V4}", "it contains spaces, control characters or characters outside ASCII", id="space"
        ),
        pytest.param(
            f"{S3}/a\r\nx: y?{V4}",
            "it contains spaces, control characters or characters outside ASCII",
            id="crlf",
        ),
        pytest.param(
            f"{S3}/a?{V4}\n",
            "it contains spaces, control characters or characters outside ASCII",
            id="newline",
        ),
        pytest.param(
            f"{S3}/é?{V4}",
            "it contains spaces, control characters or characters outside ASCII",
            id="not-ascii",
        ),
        pytest.param(f"{S3}/a\\b?{V4}", "it contains a backslash", id="backslash"),
        pytest.param(f"{S3}/{'a' * MAX_URL_CHARS}?{V4}", "it is longer than 16384 characters", id="long"),
        pytest.param(f"https://10.0.0.5/a?{V4}", "its host is an address, not a name", id="ipv4"),
        pytest.param(f"https://2852039166/a?{V4}", "its host is an address, not a name", id="decimal"),
        pytest.param(f"https://0xa9fea9fe/a?{V4}", "its host is an address, not a name", id="hex"),
        pytest.param(f"https://127.1/a?{V4}", "its host is an address, not a name", id="short-ipv4"),
        pytest.param(f"https://[2001:db8::1]/a?{V4}", "its host is an address, not a name", id="ipv6"),
        pytest.param(
            f"https://[::ffff:169.254.169.254]/a?{V4}", "its host is an address, not a name", id="mapped"
        ),
        pytest.param(f"https://169.254.169.254/a?{V4}", "its address can never be storage", id="metadata"),
        pytest.param(f"https://[fe80::1]/a?{V4}", "its address can never be storage", id="link-local"),
        pytest.param(f"https://0.0.0.0/a?{V4}", "its address can never be storage", id="unspecified"),
        pytest.param(f"http://127.0.0.1/a?{V4}", "it is not https", id="loopback"),
        pytest.param(
            f"{S3}/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261122T100000Z",
            "it carries parts of a signature but not all of it",
            id="signature-cut-off",
        ),
        pytest.param(
            f"{S3}/a?AWSAccessKeyId=AKID&Signature=",
            "it carries parts of a signature but not all of it",
            id="signature-empty",
        ),
    ],
)
def test_unsafe_url_is_refused(url: str, problem: str) -> None:
    assert problem in refusal(url)


def test_all_problems_are_named_at_once() -> None:
    assert set(refusal("http://user:secret@169.254.169.254:81/ \\#x")) == {
        "it contains spaces, control characters or characters outside ASCII",
        "it contains a backslash",
        "it carries a user name or password",
        "it has a fragment",
        "it is not https",
        "port 81 is not configured for uploads",
        "its address can never be storage",
    }


def test_the_apis_own_host_is_refused_although_its_name_is_like_s3() -> None:
    rules = UrlRules(api_host="b.s3.amazonaws.com")
    assert refusal(f"https://b.s3.amazonaws.com/a?{V4}", rules) == ("it points at the API itself",)
    listed = UrlRules(api_host="b.s3.amazonaws.com", allowed_hosts=("b.s3.amazonaws.com",))
    assert read_url(f"https://b.s3.amazonaws.com/a?{V4}", listed).host == "b.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("allowed", "place"),
    [
        ("storage.example.org", "storage.example.org"),
        ("storage.example.org", "bucket.storage.example.org"),
        ("Example.ORG", "bucket.storage.example.org"),
        ("*.example.org", "bucket.example.org"),
        ("storage.example.org:8443", "bucket.storage.example.org:8443"),
        ("10.0.0.5:8333", "10.0.0.5:8333"),
        ("minio", "minio"),
        ("[2001:db8::1]:9000", "[2001:db8::1]:9000"),
    ],
)
def test_configured_host_is_allowed_with_its_subdomains_and_port(allowed: str, place: str) -> None:
    assert read_url(f"https://{place}/a?{V4}", UrlRules(allowed_hosts=(allowed,))).version == "v4"


@pytest.mark.parametrize(
    ("allowed", "place"),
    [
        ("example.org", "evilexample.org"),
        ("example.org", "example.org.evil.test"),
        ("example.org", "example.org:8443"),
        ("minio", "x.minio"),
        ("0.0.5", "10.0.0.5"),
        ("169.254.169.254", "169.254.169.254"),
        ("", "example.org"),
        ("*", "example.org"),
    ],
)
def test_configured_host_allows_nothing_else(allowed: str, place: str) -> None:
    assert refusal(f"https://{place}/a?{V4}", UrlRules(allowed_hosts=(allowed,)))


@pytest.mark.parametrize("place", ["127.0.0.1:9000", "localhost:9000", "[::1]:9000", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_loopback_setting_admits_loopback_and_the_api_on_it(scheme: str, place: str) -> None:
    rules = UrlRules(allow_insecure_loopback=True, api_host="127.0.0.1")
    assert read_url(f"{scheme}://{place}/a?{V4}", rules).origin == f"{scheme}://{place}"


@pytest.mark.parametrize("place", ["10.0.0.5", "b.s3.amazonaws.com", "localhost.evil.test", "127.0.0.2"])
def test_loopback_setting_admits_plain_http_nowhere_else(place: str) -> None:
    assert "it is not https" in refusal(f"http://{place}/a?{V4}", UrlRules(allow_insecure_loopback=True))


@pytest.mark.parametrize(
    "target",
    [
        "/a%2Fb%7E%c3%a9+c/../d//e.png",
        "/a?b&c=&b&=d&&e=%2B+",
        "/a?q=/b?c",
        "/a;p=1?x=;y",
        "/a?next=https://x/y",
    ],
)
def test_target_is_kept_byte_for_byte(target: str) -> None:
    assert read_url(S3 + target, RULES).reveal_target() == target


CANARY = st.text(string.ascii_letters + string.digits, min_size=12, max_size=24).map(
    lambda text: f"cnry{text}"
)


@given(st.lists(st.tuples(st.sampled_from(["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
    "X-Amz-SignedHeaders", "x-amz-meta-a", "Signature", "AWSAccessKeyId", "other", ""]), CANARY), min_size=1),
    st.sampled_from([S3, "http://user:cnrypassword@10.0.0.5:1", "https://evil.test", "x:", "https://h?cnryhost/"]),
    st.sampled_from(["/a.png?", "/a b\\?", "?", "/a.png#?"]))  # fmt: skip
def test_nothing_of_the_query_is_shown(pairs: list[tuple[str, str]], origin: str, path: str) -> None:
    text = origin + path + "&".join(f"{name}={value}" for name, value in pairs)
    shown: list[str] = []
    try:
        url = read_url(text, RULES)
    except UrlRefused as refused:
        shown += [repr(refused), str(refused), *refused.problems]
    else:
        assert isinstance(url, PresignedUrl)
        shown += [repr(url), str(url), f"{url}", url.redacted(), url.origin, repr(url.url)]
    assert "cnry" not in "".join(shown)


@given(CANARY, CANARY, CANARY)
def test_nothing_of_the_query_is_shown_when_the_url_is_good(
    signature: str, header: str, hoisted: str
) -> None:
    query = f"X-Amz-Signature={signature}&X-Amz-SignedHeaders=host%3B{header}&x-amz-meta-{hoisted}=1"
    url = read_url(f"{S3}/a.png?{query}", RULES)
    assert url.signed_headers == ("host", header.lower())
    assert "cnry" not in "".join([repr(url), str(url), f"{url}", url.redacted(), url.origin, repr(url.url)])
