//! Flags and what is wrong with them.

use super::*;

fn check(arguments: &[&str]) -> Result<Config, Mistakes> {
    let program = std::iter::once(&"nvito-clients");
    Cli::try_parse_from(program.chain(arguments))
        .expect("flags that exist")
        .check()
}

#[test]
fn every_mistake_is_told_at_once() {
    let Err(Mistakes(mistakes)) = check(&[
        "--listen=here",
        "--demo=maybe",
        "--auth=none",
        "--admin-panel-roles=SUPER_ADMIN,BOSS",
        "--database-url=mysql://root:hunter2@db/x",
        "--standby-url=mysql://root:hunter2@db/x",
        "--database-connections=0",
        "--connection-seconds=old",
        "--drain-seconds=soon",
        "--in-flight=0",
        "--metrics-listen=everywhere",
        "--log=nvito_clients=loud",
    ]) else {
        panic!("nothing of this is right");
    };
    assert_eq!(mistakes.len(), 12, "{mistakes:#?}");
    assert!(!mistakes.concat().contains("hunter2"));
}

#[test]
fn metadata_identities_are_for_loopback_only() {
    for address in ["0.0.0.0:50051", "192.0.2.1:50051", "[::]:50051"] {
        assert!(check(&["--listen", address]).is_err(), "{address}");
    }
    for address in ["127.0.0.1:0", "[::1]:50051", "127.8.8.8:50051"] {
        assert!(check(&["--listen", address]).is_ok(), "{address}");
    }
}

const JWT: [&str; 4] = [
    "--auth=jwt",
    "--jwt-keys=https://clerk.example.com/.well-known/jwks.json",
    "--jwt-issuer=https://clerk.example.com",
    "--jwt-audiences=https://app.example.com, clients",
];

#[test]
fn tokens_are_for_every_address() {
    let config = check(&[&JWT[..], &["--listen=0.0.0.0:50051"]].concat()).expect("right");
    let Auth::Jwt(settings) = config.server.auth else {
        panic!("not {:?}", config.server.auth);
    };
    assert_eq!(settings.audiences, ["https://app.example.com", "clients"]);
    assert_eq!(settings.names.user, "metadata.user_id");
}

#[test]
fn mistakes_about_tokens() {
    let mistakes = |arguments: &[&str]| check(arguments).map(drop).expect_err("wrong").0;
    // Nothing that jwt mode needs, each on a line of its own.
    assert_eq!(mistakes(&["--auth=jwt"]).len(), 3);
    // Settings of a mode that is not on.
    assert_eq!(mistakes(&JWT[1..]).len(), 3);
    for wrong in [
        "--jwt-keys=http://clerk.example.com/jwks.json",
        "--jwt-keys=https://me:hunter2@clerk.example.com/jwks.json",
        "--jwt-audiences=a,,b",
        "--jwt-user-claim=",
        "--jwt-role-claim=metadata..role",
        "--jwt-issuer= ",
    ] {
        let name = wrong.split('=').next().expect("a flag");
        let others = JWT.iter().filter(|one| !one.starts_with(name)).copied();
        let told = mistakes(&others.chain([wrong]).collect::<Vec<_>>());
        assert_eq!(told.len(), 1, "{wrong}: {told:?}");
        assert!(!told.concat().contains("hunter2"));
    }
}

#[test]
fn secrets_are_redacted() {
    let config = check(&[
        "--database-url=postgres://me:hunter2@db/x",
        "--standby-url=postgres://me:hunter2@standby/x",
    ])
    .expect("right");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_postgresql_on_this_machine_is_asked_by_its_processors() {
    let connections = |arguments: &[&str]| check(arguments).expect("right").database.connections;
    for elsewhere in ["postgres://db/x", "hostaddr=192.0.2.1 dbname=x"] {
        assert_eq!(connections(&["--database-url", elsewhere]), 16);
    }
    let here = connections(&["--database-url=host=/run/postgresql dbname=x"]);
    assert!((8..=16).contains(&here), "{here}");
    assert_eq!(connections(&["--data-dir=x"]), here);
    assert_eq!(
        connections(&["--data-dir=x", "--database-connections=3"]),
        3
    );
}

#[test]
fn a_variable_that_is_misspelled_is_a_mistake() {
    let told = |name: &str| {
        let mut mistakes = Vec::new();
        let others = check::unknown([name].into_iter(), &mut mistakes);
        (mistakes.concat(), others.concat())
    };
    for (name, meant) in [
        ("CLIENTS_LISEN", "CLIENTS_LISTEN"),
        ("CLIENTS_LISTENN", "CLIENTS_LISTEN"),
        ("CLIENTS_DEMA", "CLIENTS_DEMO"),
        ("CLIENTS_JWT_ISUSER", "CLIENTS_JWT_ISSUER"),
        ("CLIENTS_DATABASE_URL", "DATABASE_URL"),
    ] {
        let mistake = format!("{name}: it is called {meant}");
        assert_eq!(told(name), (mistake, String::new()));
    }
    let nothing = (String::new(), String::new());
    for name in ["CLIENTS_LISTEN", "CLIENTS_JWT_ROLE_CLAIM", "HOME"] {
        assert_eq!(told(name), nothing, "{name}");
    }
    // As of a newer release, of another program, or what Kubernetes sets.
    for name in ["CLIENTS_FOO", "CLIENTS_URL", "CLIENTS_PORT_50051_TCP_ADDR"] {
        assert_eq!(told(name), (String::new(), name.to_owned()));
    }
}

#[test]
fn an_empty_folder_is_a_mistake_among_the_others() {
    let Err(Mistakes(mistakes)) = check(&["--data-dir=", "--demo=maybe"]) else {
        panic!("it is nowhere");
    };
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
}

#[test]
fn a_log_filter_has_levels() {
    for filter in [
        "info",
        "WARN",
        "off",
        "info,nvito_clients=debug",
        "nvito_clients::jwt=debug",
    ] {
        assert!(check(&["--log", filter]).is_ok(), "{filter}");
    }
    for filter in [
        "",
        "warning",
        "nonsense",
        "***",
        "info,",
        "nvito_clients",
        "nvito_clients=loud",
    ] {
        assert!(check(&["--log", filter]).is_err(), "{filter:?}");
    }
}

#[test]
fn an_address_of_no_kind_we_take_says_why() {
    for (url, why) in [
        ("", "is empty"),
        (
            "postgres://me:hunter2@db/x?sslmode=verify-full",
            "require, which verifies",
        ),
        (
            "postgres://me:hunter2@db/x?sslrootcert=ca.pem",
            "SSL_CERT_FILE",
        ),
        ("mysql://me:hunter2@db/x", "postgres://user"),
    ] {
        let Err(Mistakes(mistakes)) = check(&["--database-url", url]) else {
            panic!("{url} is none");
        };
        let told = mistakes.concat();
        assert!(told.contains(why) && !told.contains("hunter2"), "{told}");
    }
}
