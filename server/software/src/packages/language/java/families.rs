//! Groups of well-known artifacts whose archives do not say theirs, because they are not built by Maven.
//!
//! Only artifacts whose group never changed, or whose old name differs, are here.

/// A family: the artifacts, by name or by how the name begins (`…*`), and their group. The first that fits counts.
const FAMILIES: &[(&str, &[&str])] = &[
    ("org.springframework.boot", &["spring-boot", "spring-boot-*"]),
    ("org.springframework.security", &["spring-security-*"]),
    ("org.springframework.integration", &["spring-integration-*"]),
    ("org.springframework.kafka", &["spring-kafka", "spring-kafka-*"]),
    ("org.springframework.amqp", &["spring-amqp", "spring-rabbit", "spring-rabbit-*"]),
    ("org.springframework.session", &["spring-session-*"]),
    ("org.springframework.graphql", &["spring-graphql", "spring-graphql-*"]),
    (
        "org.springframework",
        &[
            "spring-aop",
            "spring-aspects",
            "spring-beans",
            "spring-context",
            "spring-context-*",
            "spring-core",
            "spring-expression",
            "spring-instrument",
            "spring-jcl",
            "spring-jdbc",
            "spring-jms",
            "spring-messaging",
            "spring-orm",
            "spring-oxm",
            "spring-r2dbc",
            "spring-test",
            "spring-tx",
            "spring-web",
            "spring-webflux",
            "spring-webmvc",
            "spring-webmvc-portlet",
            "spring-websocket",
        ],
    ),
    ("org.apache.tomcat.embed", &["tomcat-embed-*"]),
    ("org.apache.tomcat", &["tomcat-*"]),
    ("org.apache.kafka", &["kafka-clients", "kafka-streams", "kafka-server-common", "kafka_2.*"]),
    ("org.apache.lucene", &["lucene-*"]),
    ("org.apache.solr", &["solr-core", "solr-solrj"]),
    ("org.apache.ant", &["ant", "ant-launcher"]),
    ("org.apache.derby", &["derby", "derbyclient", "derbynet", "derbytools"]),
    ("org.elasticsearch", &["elasticsearch", "elasticsearch-core", "elasticsearch-x-content"]),
    ("org.opensearch", &["opensearch", "opensearch-core", "opensearch-x-content"]),
    ("org.jetbrains.kotlin", &["kotlin-stdlib", "kotlin-stdlib-*", "kotlin-reflect"]),
    ("org.jetbrains.kotlinx", &["kotlinx-coroutines-*", "kotlinx-serialization-*"]),
    ("com.squareup.okio", &["okio", "okio-jvm"]),
    ("com.squareup.retrofit2", &["retrofit"]),
    ("io.projectreactor", &["reactor-core"]),
    ("io.projectreactor.netty", &["reactor-netty", "reactor-netty-*"]),
    ("io.micrometer", &["micrometer-core", "micrometer-commons", "micrometer-observation", "micrometer-registry-*"]),
    ("io.grpc", &["grpc-*"]),
    ("org.bouncycastle", &["bcprov-*", "bcpkix-*", "bcutil-*", "bcpg-*", "bcmail-*", "bctls-*", "bc-fips"]),
    ("org.postgresql", &["postgresql"]),
    ("com.mysql", &["mysql-connector-j"]),
    ("mysql", &["mysql-connector-java"]),
    ("com.h2database", &["h2"]),
    ("org.hsqldb", &["hsqldb"]),
    ("com.jayway.jsonpath", &["json-path"]),
    ("com.graphql-java", &["graphql-java"]),
    ("org.quartz-scheduler", &["quartz"]),
    ("org.ow2.asm", &["asm-analysis", "asm-commons", "asm-tree", "asm-util"]),
    ("org.mockito", &["mockito-core"]),
    ("junit", &["junit"]),
];

/// Archives of the Tomcat server, which are named otherwise than in the repository; advisories for the server as a whole
/// name `tomcat`.
const TOMCAT: &[(&str, &[&str])] = &[
    ("catalina", &["tomcat-catalina", "tomcat"]),
    ("catalina-ant", &["tomcat-catalina-ant"]),
    ("catalina-ha", &["tomcat-catalina-ha"]),
    ("catalina-tribes", &["tomcat-tribes"]),
    ("jasper", &["tomcat-jasper"]),
    ("jasper-el", &["tomcat-jasper-el"]),
];

/// The names `group:artifact` of an archive's artifact; none when no family is known.
pub(super) fn names(artifact: &str) -> Vec<String> {
    if let Some((_, names)) = TOMCAT.iter().find(|(file, _)| *file == artifact) {
        return names.iter().map(|name| format!("org.apache.tomcat:{name}")).collect();
    }
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(begin) => artifact.len() > begin.len() && artifact.starts_with(begin),
        None => artifact == *pattern,
    };
    let family = FAMILIES.iter().find(|(_, artifacts)| artifacts.iter().any(fits));
    family.map(|(group, _)| format!("{group}:{artifact}")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_family_comes_first() {
        assert_eq!(names("spring-boot-starter-web"), ["org.springframework.boot:spring-boot-starter-web"]);
        assert_eq!(names("spring-webmvc"), ["org.springframework:spring-webmvc"]);
        assert_eq!(names("tomcat-embed-core"), ["org.apache.tomcat.embed:tomcat-embed-core"]);
        assert_eq!(names("tomcat-coyote"), ["org.apache.tomcat:tomcat-coyote"]);
    }

    #[test]
    fn an_unknown_artifact_and_a_bare_beginning_have_no_family() {
        assert_eq!(names("mine"), Vec::<String>::new());
        assert_eq!(names("grpc-"), Vec::<String>::new());
    }
}
