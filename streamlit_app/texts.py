"""Every sentence of the app, in French and English; how numbers and days look is in `formats.py`.

A text that neither language has is an error, never a key on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streamlit_app.formats import Language

Say = Callable[..., str]

_TEXTS: dict[str, dict[Language, str]] = {
    # The frame around every page
    "app": {"fr": "Flow Platform", "en": "Flow Platform"},
    "language": {"fr": "Langue · Language", "en": "Language · Langue"},
    "retry": {"fr": "Réessayer", "en": "Try again"},
    "for_operators": {
        "fr": "Pour l’équipe qui exploite la plateforme",
        "en": "For the team that runs the platform",
    },
    "down.title": {
        "fr": "La base de données ne répond pas.",
        "en": "The database does not answer.",
    },
    "down.body": {
        "fr": "Aucun chiffre ne peut être affiché pour l’instant. Réessayez dans une minute ; si"
        " cela dure, prévenez l’équipe qui exploite la plateforme.",
        "en": "No figure can be shown for now. Try again in a minute; if it goes on, tell the team"
        " that runs the platform.",
    },
    "down.hint": {
        "fr": "`flow status` dit quels services tournent, `flow up` les relance.",
        "en": "`flow status` says which services run, `flow up` starts them again.",
    },
    "unready.title": {
        "fr": "La plateforme n’a encore rien publié.",
        "en": "The platform has published nothing yet.",
    },
    "unready.body": {
        "fr": "La base de données répond, mais les vues que lit cette page n’y sont pas. L’équipe"
        " qui exploite la plateforme peut les créer avec `make demo` (données simulées) ou"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
        "en": "The database answers, but the views this page reads are not there. The team that"
        " runs the platform can make them with `make demo` (simulated data) or"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
    },
    "download.csv": {"fr": "Télécharger en CSV", "en": "Download as CSV"},
    "download.excel": {"fr": "Télécharger pour Excel", "en": "Download for Excel"},
    "download.note": {
        "fr": "Le tableau arrondit à l’unité. Les fichiers ont les mêmes lignes, sans arrondi : les"
        " nombres du CSV sont exactement ceux de la base (UTF-8, virgule, point décimal ; heures"
        " en UTC).",
        "en": "The table rounds to whole numbers. The files have the same rows, unrounded: the"
        " numbers of the CSV are exactly the database’s (UTF-8, comma, decimal point; times in"
        " UTC).",
    },
    # What pages of forecasts fill in: what is counted, why a number is absent, what runs daily
    "unit.parcels": {"fr": "colis", "en": "parcels"},
    "unit.quantity": {"fr": "articles", "en": "pieces"},
    "unit.invoices": {"fr": "factures", "en": "invoices"},
    "unit.revenue": {"fr": "chiffre d’affaires", "en": "revenue"},
    "absent.parcels": {"fr": "Aucun comptage reçu", "en": "No count received"},
    "absent.retail": {"fr": "Boutique fermée", "en": "Shop closed"},
    "absent.short.parcels": {"fr": "manquant", "en": "missing"},
    "absent.short.retail": {"fr": "fermé", "en": "closed"},
    "place.parcels": {"fr": "centre", "en": "centre"},
    "place.retail": {"fr": "pays", "en": "country"},
    "places.parcels": {"fr": "centres", "en": "centres"},
    "places.retail": {"fr": "pays", "en": "countries"},
    # Page Parcels
    "parcels.title": {"fr": "Colis", "en": "Parcels"},
    "centre": {"fr": "Centre de tri", "en": "Sorting centre"},
    "issue": {"fr": "Prévision faite le soir du", "en": "Forecast made on the evening of"},
    "issue.newest": {"fr": "{day} (la plus récente)", "en": "{day} (newest)"},
    "issue.none": {"fr": "Aucune prévision", "en": "No forecast"},
    "issue.unknown": {
        "fr": "Aucune prévision n’a été faite pour ce centre le soir du {asked} : voici la plus"
        " récente.",
        "en": "No forecast was made for this centre on the evening of {asked}: this is the newest.",
    },
    "unknown.centre": {
        "fr": "Le centre « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no centre “{asked}” as the address says: this is {shown}.",
    },
    "stamp": {
        "fr": "Dernière prévision : soir du {issue} · derniers comptages : {actual} · modèle :"
        " {model}",
        "en": "Newest forecast: evening of {issue} · newest counts: {actual} · model: {model}",
    },
    "stamp.no_actual": {"fr": "aucun", "en": "none"},
    "stale": {
        "fr": "**Ces prévisions datent.** La plus récente est du soir du {day}, il y a {age} jours"
        " : elle ignore ce qui s’est passé depuis. Ne planifiez pas sur ces chiffres sans les"
        " vérifier, et prévenez l’équipe qui exploite la plateforme : l’exécution quotidienne"
        " `{schedule}` n’a pas abouti.",
        "en": "**These forecasts are old.** The newest is from the evening of {day}, {age} days"
        " ago: it knows nothing of what happened since. Do not plan on these figures without"
        " checking, and tell the team that runs the platform: the daily run `{schedule}`"
        " has not come through.",
    },
    "centre_behind": {
        "fr": "Ce centre a pris du retard : sa dernière prévision est du soir du {day}, celle des"
        " autres du {newest}. Demandez à l’équipe qui exploite la plateforme si ses comptages"
        " arrivent encore.",
        "en": "This centre has fallen behind: its newest forecast is from the evening of {day}, the"
        " others’ from {newest}. Ask the team that runs the platform whether its counts still"
        " arrive.",
    },
    "past": {
        "fr": "Vous regardez une prévision passée : ce qui est venu depuis est dessiné par-dessus.",
        "en": "You are looking at a past forecast: what came since is drawn over it.",
    },
    "empty.title": {"fr": "Aucune prévision pour l’instant.", "en": "No forecasts yet."},
    "empty.body": {
        "fr": "La base de données répond, mais aucune prévision de colis n’y est. L’équipe qui"
        " exploite la plateforme peut en faire avec `make demo` (données simulées) ou"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
        "en": "The database answers, but it holds no parcel forecast. The team that runs the"
        " platform can make some with `make demo` (simulated data) or"
        " `flow backfill parcels --from 2025-01-01 --to 2025-12-31`.",
    },
    "no_centres": {
        "fr": "La liste des centres est vide. Elle vient du fichier des centres (`FLOW_CENTRES`).",
        "en": "The list of centres is empty. It comes from the centres file (`FLOW_CENTRES`).",
    },
    "centre_empty.title": {
        "fr": "Pas encore de prévision pour {centre}.",
        "en": "No forecast for {centre} yet.",
    },
    "centre_empty.body": {
        "fr": "Un centre est prévu dès que ses premiers comptages sont chargés. Choisissez un autre"
        " centre, ou demandez à l’équipe qui exploite la plateforme si les fichiers de celui-ci"
        " arrivent (page « État des données »).",
        "en": "A centre is forecast as soon as its first counts are loaded. Choose another centre,"
        " or ask the team that runs the platform whether this one’s files arrive (page “Data"
        " state”).",
    },
    # The next day in plain words
    "today": {"fr": "Aujourd’hui, {day}", "en": "Today, {day}"},
    "tomorrow": {"fr": "Demain, {day}", "en": "Tomorrow, {day}"},
    "head.label": {"fr": "Prévision pour {day}", "en": "Forecast for {day}"},
    "range": {
        "fr": "8 fois sur 10 entre {lower} et {upper}",
        "en": "8 times out of 10 between {lower} and {upper}",
    },
    "range.none": {"fr": "rien n’est attendu", "en": "nothing is expected"},
    "why": {"fr": "Pourquoi ce chiffre ?", "en": "Why this number?"},
    "why.usual": {
        "fr": "Pour {day}, {prediction} sont prévus. Un même jour de semaine ordinaire, au niveau des"
        " six derniers mois, en compte {usual}. L’écart vient de :",
        "en": "For {day}, {prediction} are forecast. A usual same weekday, at the level of the last"
        " six months, has {usual}. The difference comes from:",
    },
    "why.more": {"fr": "**+ {amount}** : {driver}", "en": "**+ {amount}**: {driver}"},
    "why.less": {"fr": "**− {amount}** : {driver}", "en": "**− {amount}**: {driver}"},
    "why.nothing": {
        "fr": "rien de notable : chaque cause pèse moins de 1 %.",
        "en": "nothing of note: each cause weighs less than 1 %.",
    },
    "driver.calendar": {
        "fr": "calendrier (jours fériés et alentours, vacances, fin de mois)",
        "en": "calendar (public holidays and the days around them, school holidays, month ends)",
    },
    "driver.weather": {"fr": "météo prévue", "en": "the weather forecast"},
    "driver.events": {
        "fr": "opérations et événements connus",
        "en": "campaigns and known events",
    },
    "driver.recent_level": {
        "fr": "activité des derniers jours et semaines",
        "en": "how the last days and weeks ran",
    },
    "driver.trend": {
        "fr": "ce que faisait la même période l’an dernier",
        "en": "what the same time did last year",
    },
    "change.title": {"fr": "Par rapport à {day}", "en": "Against {day}"},
    "change.body": {
        "fr": "{difference} {unit} ({came} étaient venus)",
        "en": "{difference} {unit} ({came} came)",
    },
    "change.missing": {
        "fr": "Pas de comptage ce jour-là : comparaison impossible",
        "en": "No count for that day: nothing to compare with",
    },
    "load.title": {"fr": "Part de la capacité", "en": "Share of capacity"},
    "load.body": {
        "fr": "{capacity} colis par jour ; {upper} au haut de la fourchette",
        "en": "{capacity} parcels a day; {upper} at the top of the range",
    },
    "load.none": {
        "fr": "Capacité du centre non renseignée",
        "en": "The centre’s capacity is not stated",
    },
    "came.title": {"fr": "Ce qui est venu", "en": "What came"},
    "came.inside": {
        "fr": "dans la fourchette ; prévision {error}",
        "en": "inside the range; forecast {error}",
    },
    "came.outside": {
        "fr": "hors de la fourchette ; prévision {error}",
        "en": "outside the range; forecast {error}",
    },
    "came.missing": {"fr": "{absent}", "en": "{absent}"},
    "over": {"fr": "trop haute de {amount}", "en": "too high by {amount}"},
    "under": {"fr": "trop basse de {amount}", "en": "too low by {amount}"},
    "exact": {"fr": "juste", "en": "exact"},
    "tight": {
        "fr": "**Charge élevée.** Plus de {limit} de la capacité est attendu : {days}.",
        "en": "**High load.** More than {limit} of capacity is expected: {days}.",
    },
    "tight_possible": {
        "fr": "Le haut de la fourchette dépasse {limit} de la capacité : {days}.",
        "en": "The top of the range passes {limit} of capacity: {days}.",
    },
    "week": {"fr": "Les 7 prochains jours", "en": "The next 7 days"},
    "week.past": {"fr": "Les 7 jours qui suivaient", "en": "The 7 days that followed"},
    "card.range": {"fr": "{lower} à {upper}", "en": "{lower} to {upper}"},
    "card.load": {"fr": "{share} de la capacité", "en": "{share} of capacity"},
    "card.came": {"fr": "venus : {came}", "en": "came: {came}"},
    "days": {"fr": "À noter dans les 14 jours", "en": "To note in the 14 days"},
    "days.none": {
        "fr": "Ni jour férié, ni événement, ni vacances scolaires dans les 14 jours.",
        "en": "No public holiday, event or school holiday in the 14 days.",
    },
    "days.holiday": {"fr": "jour férié", "en": "public holiday"},
    "days.bridge": {"fr": "pont", "en": "bridge day"},
    "days.event": {"fr": "événement", "en": "event"},
    "days.school": {"fr": "vacances scolaires", "en": "school holidays"},
    "days.span": {"fr": "du {first} au {last}", "en": "{first} to {last}"},
    # Curve
    "curve": {"fr": "Courbe sur 14 jours", "en": "Curve over 14 days"},
    "curve.caption": {
        "fr": "Trait foncé : ce qui est venu. Trait bleu : la prévision du soir du {day}. Bande"
        " foncée : 8 fois sur 10 ; bande claire : 19 fois sur 20.",
        "en": "Dark line: what came. Blue line: the forecast made on the evening of {day}. Darker"
        " band: 8 times out of 10; lighter band: 19 times out of 20.",
    },
    "curve.missing": {
        "fr": " Zone grise : « {absent} », ce qui n’est pas zéro.",
        "en": " Grey strip: “{absent}”, which is not zero.",
    },
    "curve.alt": {
        "fr": "Courbe ({unit}), {centre} : six semaines de chiffres réels, puis 14 jours de"
        " prévision, de {low} à {high} par jour. Les mêmes nombres sont dans le tableau.",
        "en": "Curve of {unit}, {centre}: six weeks of what came, then a 14-day forecast, from"
        " {low} to {high} a day. The same numbers are in the table.",
    },
    "legend.actual": {"fr": "Venus", "en": "Came"},
    "legend.forecast": {"fr": "Prévision", "en": "Forecast"},
    "legend.80": {"fr": "8 fois sur 10", "en": "8 times out of 10"},
    "legend.95": {"fr": "19 fois sur 20", "en": "19 times out of 20"},
    "legend.missing": {"fr": "{absent}", "en": "{absent}"},
    "legend.capacity": {"fr": "Capacité", "en": "Capacity"},
    "legend.outside": {"fr": "Hors fourchette", "en": "Outside the range"},
    "hover.between": {"fr": "{share} : {lower} à {upper}", "en": "{share}: {lower} to {upper}"},
    "axis": {"fr": "Par jour : {unit}", "en": "A day: {unit}"},
    "table": {
        "fr": "Tableau : prévision du soir du {day}, {centre}",
        "en": "Table: forecast made on the evening of {day}, {centre}",
    },
    "table.missing": {"fr": "{absent_short}", "en": "{absent_short}"},
    "table.later": {"fr": "à venir", "en": "to come"},
    # Columns of the tables; the files keep the names of the views
    "column.date": {"fr": "Jour", "en": "Day"},
    "column.centre_id": {"fr": "Centre", "en": "Centre"},
    "column.horizon": {"fr": "Jours d’avance", "en": "Days ahead"},
    "column.prediction": {"fr": "Prévision", "en": "Forecast"},
    "column.lower_80": {"fr": "Bas 80 %", "en": "Low 80%"},
    "column.upper_80": {"fr": "Haut 80 %", "en": "High 80%"},
    "column.lower_95": {"fr": "Bas 95 %", "en": "Low 95%"},
    "column.upper_95": {"fr": "Haut 95 %", "en": "High 95%"},
    "column.actual": {"fr": "Venus", "en": "Came"},
    "column.issued_at": {"fr": "Émise le (UTC)", "en": "Issued (UTC)"},
    "column.model_version": {"fr": "Modèle", "en": "Model"},
    # Forecast against what came
    "compare": {
        "fr": "Ce qui était prévu et ce qui est venu",
        "en": "What was forecast and what came",
    },
    "horizon": {"fr": "Prévu combien de jours à l’avance", "en": "Forecast how many days ahead"},
    "horizon.one": {"fr": "1 jour à l’avance (la veille au soir)", "en": "1 day ahead"},
    "horizon.many": {"fr": "{days} jours à l’avance", "en": "{days} days ahead"},
    "compare.none": {
        "fr": "Sur les 60 derniers jours comptés, rien n’avait été prévu à cette échéance.",
        "en": "Over the newest 60 days with counts, nothing had been forecast that far ahead.",
    },
    "compare.unmeasured": {
        "fr": "Les erreurs de ce centre ne sont pas encore mesurées à cette échéance : elles le"
        " sont quand les comptages des jours prévus arrivent.",
        "en": "This centre’s errors are not measured yet that far ahead: they are when the counts"
        " of the forecast days arrive.",
    },
    "figure.mae": {"fr": "Erreur moyenne par jour", "en": "Mean error a day"},
    "figure.mae.body": {
        "fr": "{unit}, en plus ou en moins (MAE)",
        "en": "{unit}, either way (MAE)",
    },
    "figure.wape": {"fr": "Erreur en part du volume", "en": "Error as a share of volume"},
    "figure.wape.body": {
        "fr": "somme des erreurs / total réel, {unit} (WAPE)",
        "en": "sum of errors / sum of {unit} (WAPE)",
    },
    "figure.bias": {"fr": "Tendance", "en": "Tendency"},
    "figure.bias.high": {
        "fr": "prévoit en général trop haut (biais)",
        "en": "forecasts are on the high side (bias)",
    },
    "figure.bias.low": {
        "fr": "prévoit en général trop bas (biais)",
        "en": "forecasts are on the low side (bias)",
    },
    "figure.bias.none": {
        "fr": "ni trop haut, ni trop bas (biais)",
        "en": "neither high nor low (bias)",
    },
    "figure.coverage": {"fr": "Dans la fourchette", "en": "Inside the range"},
    "figure.coverage.body": {
        "fr": "{inside} jours sur {n} ; promis : {promised}",
        "en": "{inside} days of {n}; promised: {promised}",
    },
    "compare.words": {
        "fr": "Du {first} au {last}, {n} jours comptés. En moyenne, la prévision s’écartait de"
        " {mae} par jour ({unit}), soit {wape} du volume.{mase} {coverage}",
        "en": "From {first} to {last}, {n} days with counts. On average the forecast was off by"
        " {mae} a day ({unit}), that is {wape} of the volume.{mase} {coverage}",
    },
    "compare.mase.better": {
        "fr": " C’est {share} de moins que si l’on répétait le même jour de la semaine précédente.",
        "en": " That is {share} less than repeating the same weekday of the week before.",
    },
    "compare.mase.worse": {
        "fr": " C’est {share} de plus que si l’on répétait le même jour de la semaine précédente.",
        "en": " That is {share} more than repeating the same weekday of the week before.",
    },
    "coverage.right": {
        "fr": "La fourchette tient sa promesse, au hasard près.",
        "en": "The range keeps its promise, within chance.",
    },
    "coverage.narrow": {
        "fr": "La fourchette était trop étroite : gardez une marge.",
        "en": "The range was too narrow: keep a margin.",
    },
    "coverage.wide": {
        "fr": "La fourchette était plus large que nécessaire.",
        "en": "The range was wider than needed.",
    },
    "compare.alt": {
        "fr": "Prévu et venu ({unit}), {centre}, jour par jour, du {first} au {last}. Les"
        " mêmes nombres sont dans le tableau.",
        "en": "Forecast and what came ({unit}), {centre}, day by day, from {first} to"
        " {last}. The same numbers are in the table.",
    },
    "compare.table": {"fr": "Tableau de ces jours", "en": "Table of these days"},
    # How often the range held
    "record": {
        "fr": "Combien de fois la fourchette a-t-elle tenu ?",
        "en": "How often was the range right?",
    },
    "record.none": {
        "fr": "Pas encore mesuré : il faut que les jours prévus soient passés et leurs chiffres"
        " arrivés.",
        "en": "Not measured yet: the forecast days have to pass, and their figures to arrive.",
    },
    "record.right": {
        "fr": "La fourchette tient sa promesse, à {margin} points près : {share} de ce qui est venu"
        " était dedans, pour {promised} promis.",
        "en": "The range keeps its promise, give or take {margin} points: {share} of what came was"
        " inside, {promised} was promised.",
    },
    "record.narrow": {
        "fr": "La fourchette est trop étroite : {share} de ce qui est venu était dedans, pour"
        " {promised} promis. Gardez une marge.",
        "en": "The range is too narrow: {share} of what came was inside, {promised} was promised."
        " Keep a margin.",
    },
    "record.wide": {
        "fr": "La fourchette est plus large que promis : {share} de ce qui est venu était dedans,"
        " pour {promised} promis.",
        "en": "The range is wider than promised: {share} of what came was inside, {promised} was"
        " promised.",
    },
    "record.few": {
        "fr": "{share} de ce qui est venu était dedans, pour {promised} promis : trop peu de"
        " prévisions pour en juger.",
        "en": "{share} of what came was inside, {promised} was promised: too few forecasts to"
        " judge by.",
    },
    "record.counted": {
        "fr": "Mesuré sur {n} prévisions de tous les {places}, pour les jours du {first} au {last} ;"
        " un jour compte autant de fois qu’il a été prévu, jusqu’à 14 soirs de suite.",
        "en": "Measured on {n} forecasts of all {places}, for the days from {first} to {last}; a"
        " day counts as often as it was forecast, on up to 14 evenings.",
    },
    "record.all": {"fr": "Tous les {places}", "en": "All {places}"},
    "record.95": {"fr": "Bande de 19 fois sur 20", "en": "Band of 19 times out of 20"},
    "record.width": {"fr": "Largeur de la fourchette", "en": "Width of the range"},
    "record.width.body": {
        "fr": "de ce qui vient, en moyenne : étroite, elle dit plus",
        "en": "of what comes, on average: a narrow one says more",
    },
    "record.promised.right": {
        "fr": "promis : {promised} ; {n} prévisions",
        "en": "promised: {promised}; {n} forecasts",
    },
    "record.promised.narrow": {
        "fr": "trop étroite ; promis : {promised} ; {n} prévisions",
        "en": "too narrow; promised: {promised}; {n} forecasts",
    },
    "record.promised.wide": {
        "fr": "plus large que promis : {promised} ; {n} prévisions",
        "en": "wider than promised: {promised}; {n} forecasts",
    },
    "record.promised.few": {
        "fr": "promis : {promised} ; {n} prévisions, trop peu pour juger",
        "en": "promised: {promised}; {n} forecasts, too few to judge",
    },
    "record.by.overall": {"fr": "En tout", "en": "Overall"},
    "record.by.horizon": {"fr": "Par nombre de jours à l’avance", "en": "By days ahead"},
    "record.by.weekday": {
        "fr": "Par jour de la semaine prévu",
        "en": "By weekday of the day forecast",
    },
    "record.by.centre": {"fr": "Par {place}", "en": "By {place}"},
    "record.hover": {
        "fr": "<b>{what}</b><br>{share} dans la fourchette<br>{n} prévisions",
        "en": "<b>{what}</b><br>{share} inside the range<br>{n} forecasts",
    },
    "record.alt": {
        "fr": "{by} : part des prévisions dont la fourchette a tenu, de {low} à {high}. Les mêmes"
        " nombres sont dans le tableau.",
        "en": "{by}: share of forecasts whose range held, from {low} to {high}. The same numbers"
        " are in the table.",
    },
    "record.line": {
        "fr": "Une barre : la part de ce qui est venu dans la fourchette, en %, pour tous les"
        " {places}. Trait pointillé : les {promised} promis.",
        "en": "A bar: the share of what came inside the range, in %, for all {places}. Dashed line:"
        " the {promised} promised.",
    },
    "record.pale": {
        "fr": " Barre pâle : moins de {enough} prévisions, trop peu pour juger.",
        "en": " Pale bar: fewer than {enough} forecasts, too few to judge.",
    },
    "record.few_marked": {"fr": "{n} (peu)", "en": "{n} (few)"},
    "record.table": {
        "fr": "Tableau, avec chaque {place}",
        "en": "Table, with each {place}",
    },
    "column.cut": {"fr": "Découpage", "en": "Cut"},
    "column.key": {"fr": "Lequel", "en": "Which"},
    "column.forecasts": {"fr": "Prévisions", "en": "Forecasts"},
    "column.coverage_95": {"fr": "Dans 95 %", "en": "Inside 95%"},
    "column.mean_width_80": {"fr": "Largeur 80 %", "en": "Width 80%"},
    "sure": {"fr": "Peut-on s’y fier ?", "en": "How sure are we?"},
    "sure.body": {
        "fr": "**Ce que dit une fourchette.** « 8 fois sur 10 entre {lower} et {upper} » : sur dix"
        " jours comme celui-ci, huit tombent dans la fourchette et deux en dehors, au-dessus ou"
        " au-dessous. La bande claire de la courbe est faite pour 19 jours sur 20.\n\n"
        "**D’où elle vient.** Des erreurs que le modèle a vraiment faites sur des jours qu’il"
        " n’avait pas vus, à la même échéance : plus on prévoit loin, plus elle est large"
        " (calibration conforme).\n\n"
        "**Comment on vérifie.** Chaque jour, ce qui est venu est comparé à ce qui avait été dit,"
        " sans rien corriger après coup. {measured}\n\n"
        "**Ce que la prévision savait.** Seulement ce qui était connu au soir de l’émission : les"
        " comptages reçus, le calendrier, les événements annoncés, la météo prévue ce soir-là.\n\n"
        "**Modèle.** {model}",
        "en": "**What a range says.** “8 times out of 10 between {lower} and {upper}”: of ten days"
        " like this one, eight fall inside and two outside, above or below. The lighter band of the"
        " curve is made for 19 days out of 20.\n\n"
        "**Where it comes from.** From the errors the model really made on days it had not seen, as"
        " far ahead: the farther, the wider (conformal calibration).\n\n"
        "**How it is checked.** Every day, what came is held against what had been said, and"
        " nothing is corrected afterwards. {measured}\n\n"
        "**What the forecast knew.** Only what was known on the evening it was made: counts"
        " received, the calendar, announced events, the weather as forecast that evening.\n\n"
        "**Model.** {model}",
    },
    "sure.measured": {
        "fr": "Ici, {share} des {n} derniers jours comptés étaient dans la fourchette promise à"
        " {promised}.",
        "en": "Here {share} of the newest {n} days with counts were inside the range promised at"
        " {promised}.",
    },
    "sure.unmeasured": {
        "fr": "Pour ce centre, ce n’est pas encore mesuré.",
        "en": "For this centre it is not measured yet.",
    },
    "model.version": {
        "fr": "Version `{version}`.",
        "en": "Version `{version}`.",
    },
    "model.fallback": {
        "fr": "Repli (`{version}`) : trop peu d’historique pour un modèle appris ; la prévision"
        " s’appuie sur les mêmes jours des semaines passées.",
        "en": "Fallback (`{version}`): too little history for a trained model; the forecast rests"
        " on the same weekdays of past weeks.",
    },
    # Page Retail
    "retail.title": {"fr": "Boutique", "en": "Retail"},
    "measure": {"fr": "Mesure", "en": "Measure"},
    "retail.empty.body": {
        "fr": "La base de données répond, mais aucune prévision de la boutique n’y est. L’équipe qui"
        " exploite la plateforme peut en faire avec"
        " `flow backfill retail --from 2025-01-01 --to 2025-12-31`.",
        "en": "The database answers, but it holds no retail forecast. The team that runs the"
        " platform can make some with `flow backfill retail --from 2025-01-01 --to 2025-12-31`.",
    },
    "retail.no_centres": {
        "fr": "La liste des pays est vide : ils viennent des fichiers de la section `[retail]`.",
        "en": "The list of countries is empty: they come from the files of the section `[retail]`.",
    },
    "retail.centre": {"fr": "Pays", "en": "Country"},
    "retail.next": {"fr": "Premier jour prévu, {day}", "en": "First day forecast, {day}"},
    "retail.closed": {"fr": "Jours de fermeture", "en": "Closed days"},
    "retail.closed.none": {
        "fr": "Aucun jour de fermeture dans la période affichée.",
        "en": "No closed day in the days shown.",
    },
    "retail.closed.note": {
        "fr": "Un jour de fermeture n’a pas de chiffre : ce n’est pas zéro. Un jour de semaine où la"
        " boutique n’a rien vendu depuis 8 semaines n’est pas prévu.",
        "en": "A closed day has no number: that is not zero. A weekday on which the shop has sold"
        " nothing for 8 weeks is not forecast.",
    },
    "retail.returns": {"fr": "Retours", "en": "Returns"},
    "retail.returns.quantity": {"fr": "Articles rendus", "en": "Pieces returned"},
    "retail.returns.revenue": {"fr": "Montant remboursé", "en": "Revenue returned"},
    "retail.returns.body": {
        "fr": "{returned} pour {sold} vendus, du {first} au {last}",
        "en": "{returned} of {sold} sold, {first} to {last}",
    },
    "retail.returns.none": {
        "fr": "Aucune vente dans les 60 derniers jours.",
        "en": "No sales in the newest 60 days.",
    },
    "retail.leaderboard": {"fr": "Classement des modèles", "en": "Leaderboard of models"},
    "retail.leaderboard.body": {
        "fr": "Erreurs à l’essai (origines glissantes) avant {month} ; le modèle en service est"
        " marqué. La MAPE laisse de côté les jours à zéro.",
        "en": "Errors in the backtest (rolling origins) before {month}; the model in use is marked."
        " MAPE leaves out days of zero.",
    },
    "retail.leaderboard.none": {
        "fr": "Aucun modèle appris pour l’instant : il faut deux mois d’historique.",
        "en": "No trained model yet: it takes two months of history.",
    },
    "champion": {"fr": "en service", "en": "in use"},
    "column.candidate": {"fr": "Modèle", "en": "Model"},
    "column.mase": {"fr": "MASE", "en": "MASE"},
    "column.rmse": {"fr": "RMSE", "en": "RMSE"},
    "column.mae": {"fr": "MAE", "en": "MAE"},
    "column.mape": {"fr": "MAPE", "en": "MAPE"},
    "column.coverage_80": {"fr": "Dans 80 %", "en": "Inside 80%"},
    "column.is_champion": {"fr": "Service", "en": "Use"},
    "column.reason": {"fr": "Pourquoi", "en": "Why"},
    "column.day": {"fr": "Jour", "en": "Day"},
    # Page Road traffic; `key@hour` is what an hourly flow says in place of `key`
    "traffic.title": {"fr": "Trafic routier", "en": "Road traffic"},
    "unit.vehicles": {"fr": "véhicules", "en": "vehicles"},
    "absent.traffic": {"fr": "Aucun relevé reçu", "en": "No reading received"},
    "absent.short.traffic": {"fr": "aucun relevé", "en": "no reading"},
    "place.traffic": {"fr": "compteur", "en": "counter"},
    "places.traffic": {"fr": "compteurs", "en": "counters"},
    "level.fluid": {"fr": "fluide", "en": "flowing"},
    "level.dense": {"fr": "dense", "en": "dense"},
    "level.saturated": {"fr": "saturé", "en": "saturated"},
    "level.blocked": {"fr": "bloqué", "en": "blocked"},
    "level.none": {"fr": "niveau inconnu", "en": "level unknown"},
    "age.minutes": {"fr": "{n} min", "en": "{n} min"},
    "age.hour": {"fr": "1 heure", "en": "1 hour"},
    "age.hours": {"fr": "{n} heures", "en": "{n} hours"},
    "age.days": {"fr": "{n} jours", "en": "{n} days"},
    "traffic.empty.body": {
        "fr": "La base de données répond, mais aucune prévision de trafic n’y est. L’équipe qui"
        " exploite la plateforme peut en faire avec"
        " `flow backfill traffic --from 2025-01-01 --to 2025-01-31`.",
        "en": "The database answers, but it holds no traffic forecast. The team that runs the"
        " platform can make some with `flow backfill traffic --from 2025-01-01 --to 2025-01-31`.",
    },
    "traffic.no_centres": {
        "fr": "La liste des compteurs est vide : ils viennent de la section `[traffic]` des sources.",
        "en": "The list of counters is empty: they come from the section `[traffic]` of the sources.",
    },
    "traffic.counter": {"fr": "Compteur", "en": "Counter"},
    "issue@hour": {"fr": "Prévision faite le", "en": "Forecast made on"},
    "issue.hour": {"fr": "à", "en": "at"},
    "issue.unknown@hour": {
        "fr": "Aucune prévision n’a été faite à « {asked} », que demande l’adresse : voici la plus"
        " récente.",
        "en": "No forecast was made at “{asked}” as the address asks: this is the newest.",
    },
    "unknown.centre@hour": {
        "fr": "Le compteur « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no counter “{asked}” as the address says: this is {shown}.",
    },
    "stamp@hour": {
        "fr": "Dernière heure comptée : {actual} · dernière prévision : {issue} · modèle : {model}",
        "en": "Newest hour counted: {actual} · newest forecast: {issue} · model: {model}",
    },
    "stamp.known": {"fr": "{hour}, connue le {known}", "en": "{hour}, known since {known}"},
    "stamp.live": {
        "fr": " · en direct : dernier message il y a {age}",
        "en": " · live: last message {age} ago",
    },
    "stale@hour": {
        "fr": "**Ces prévisions datent.** La plus récente a été faite le {day}, il y a {age} : elle"
        " ignore ce qui s’est passé depuis. Ne décidez pas sur ces chiffres sans les vérifier, et"
        " prévenez l’équipe qui exploite la plateforme : l’exécution horaire `{schedule}` n’a pas"
        " abouti.",
        "en": "**These forecasts are old.** The newest was made on {day}, {age} ago: it knows"
        " nothing of what happened since. Do not decide on these figures without checking, and tell"
        " the team that runs the platform: the hourly run `{schedule}` has not come through.",
    },
    "traffic.late": {
        "fr": "**Les relevés sont en retard.** La dernière heure comptée a plus de {age} : la"
        " prévision repose sur ce qui est habituel à cette heure, et non sur ce qui se passe en ce"
        " moment. Un incident en cours peut lui échapper.",
        "en": "**The readings are late.** The newest hour counted is more than {age} old: the"
        " forecast rests on what is usual at this hour, not on what is happening now. It may miss"
        " an incident under way.",
    },
    "centre_behind@hour": {
        "fr": "Ce compteur n’est pas dans cette prévision : la dernière qui parle de lui est du"
        " {day}. Demandez à l’équipe qui exploite la plateforme si ses relevés arrivent encore.",
        "en": "This counter is not in this forecast: the newest that speaks of it is from {day}."
        " Ask the team that runs the platform whether its readings still arrive.",
    },
    "traffic.never": {
        "fr": "Ce compteur n’a encore jamais été prévu : il faut des relevés des quatre dernières"
        " semaines. Choisissez un autre compteur, ou demandez à l’équipe qui exploite la plateforme"
        " si ses relevés arrivent.",
        "en": "This counter has never been forecast yet: it takes readings from the last four"
        " weeks. Choose another counter, or ask the team that runs the platform whether its"
        " readings arrive.",
    },
    "traffic.this_hour": {"fr": "Heure en cours : {hour}", "en": "This hour: {hour}"},
    "traffic.next_hour": {"fr": "Prochaine heure : {hour}", "en": "Next hour: {hour}"},
    "traffic.of": {"fr": "{n} sur {all}", "en": "{n} of {all}"},
    "traffic.congested": {
        "fr": "compteurs où le trafic ne sera pas fluide ({counts})",
        "en": "counters where traffic will not flow freely ({counts})",
    },
    "traffic.levels.none": {
        "fr": "Niveau inconnu : ces compteurs ne donnent pas de taux d’occupation",
        "en": "Level unknown: these counters report no occupancy",
    },
    "traffic.busiest": {"fr": "Le plus chargé", "en": "Busiest counter"},
    "traffic.vehicles": {"fr": "{n} véhicules", "en": "{n} vehicles"},
    "traffic.silent": {
        "fr": "Sans relevé dans les 3 heures d’avant la prévision",
        "en": "No reading in the 3 hours before the forecast",
    },
    "traffic.silent.none": {"fr": "tous ont compté", "en": "all have counted"},
    "traffic.and_more": {"fr": "{names} et {n} autres", "en": "{names} and {n} others"},
    "traffic.no_issue": {"fr": "pas dans cette prévision", "en": "not in this forecast"},
    "traffic.map": {"fr": "Où, {hour}", "en": "Where, {hour}"},
    "traffic.map.none": {
        "fr": "Pas de carte : aucun de ces compteurs n’a de coordonnées (les fichiers annuels de"
        " Paris n’en donnent pas). Les voici en liste.",
        "en": "No map: none of these counters has coordinates (the yearly files of Paris give none)."
        " Here they are as a list.",
    },
    "traffic.map.some": {
        "fr": "Sans coordonnées, donc seulement dans cette liste : {n}.",
        "en": "Without coordinates, so in this list only: {n}.",
    },
    "traffic.map.alt": {
        "fr": "Carte de {n} compteurs, chacun marqué du niveau de trafic prévu. La liste dit la même"
        " chose.",
        "en": "Map of {n} counters, each marked by the traffic level expected. The list says the"
        " same.",
    },
    "traffic.map.caption": {
        "fr": "Nord en haut ; un carreau fait {km} km. Forme, taille et couleur disent le niveau"
        " prévu ; le compteur choisi est cerclé. Cliquez sur un compteur pour le choisir.",
        "en": "North is up; a square is {km} km wide. Shape, size and colour tell the level"
        " expected; the chosen counter is ringed. Click a counter to choose it.",
    },
    "traffic.list": {
        "fr": "Liste des compteurs, les plus chargés d’abord",
        "en": "List of counters, the worst first",
    },
    "traffic.search": {
        "fr": "Chercher un compteur (nom ou numéro)",
        "en": "Search a counter (name or number)",
    },
    "traffic.listed": {
        "fr": "{shown} compteurs sur {found}, les plus chargés d’abord.",
        "en": "{shown} of {found} counters, the worst first.",
    },
    "traffic.first": {
        "fr": "{hour} : **{n} véhicules** prévus, {range} ; trafic attendu : **{level}**.",
        "en": "{hour}: **{n} vehicles** expected, {range}; expected traffic: **{level}**.",
    },
    "curve@hour": {"fr": "{centre}, heure par heure", "en": "{centre}, hour by hour"},
    "curve.caption@hour": {
        "fr": "Trait foncé : ce qui a été compté. Trait bleu : la prévision du {day} (ligne"
        " verticale), ses marques disant le niveau attendu. Bande foncée : 8 fois sur 10 ; bande"
        " claire : 19 fois sur 20.",
        "en": "Dark line: what was counted. Blue line: the forecast made on {day} (vertical line),"
        " its marks telling the level expected. Darker band: 8 times out of 10; lighter band: 19"
        " times out of 20.",
    },
    "curve.alt@hour": {
        "fr": "Courbe ({unit}), {centre} : les 24 heures d’avant la prévision, puis les 24 heures"
        " prévues, de {low} à {high} par heure. Les mêmes nombres sont dans le tableau.",
        "en": "Curve of {unit}, {centre}: the 24 hours before the forecast, then the 24 hours"
        " forecast, from {low} to {high} an hour. The same numbers are in the table.",
    },
    "axis@hour": {"fr": "Par heure : {unit}", "en": "An hour: {unit}"},
    "legend.actual@hour": {"fr": "Comptés", "en": "Counted"},
    "table@hour": {
        "fr": "Tableau : prévision du {day}, {centre}",
        "en": "Table: forecast made on {day}, {centre}",
    },
    "table.barred": {"fr": "voie fermée", "en": "road closed"},
    "table.invalid": {"fr": "relevé écarté", "en": "reading rejected"},
    "column.target_at": {"fr": "Heure locale", "en": "Local hour"},
    "column.level": {"fr": "Niveau prévu", "en": "Level"},
    "column.horizon@hour": {"fr": "Heures d’avance", "en": "Hours ahead"},
    "column.centre_id@hour": {"fr": "Compteur", "en": "Counter"},
    "column.actual@hour": {"fr": "Comptés", "en": "Counted"},
    "column.counter": {"fr": "Compteur", "en": "Counter"},
    "column.last_counted": {"fr": "Dernier relevé", "en": "Last reading"},
    "column.n": {"fr": "Prévisions", "en": "Forecasts"},
    "column.mae@hour": {"fr": "Notre erreur", "en": "Our error"},
    "column.persistence_mae": {"fr": "« Comme maintenant »", "en": "“As now”"},
    "column.week_before_mae": {
        "fr": "« Comme il y a une semaine »",
        "en": "“As a week before”",
    },
    "horizon.one@hour": {"fr": "1 heure à l’avance", "en": "1 hour ahead"},
    "horizon.many@hour": {"fr": "{days} heures à l’avance", "en": "{days} hours ahead"},
    "compare.unmeasured@hour": {
        "fr": "Les erreurs de ce compteur ne sont pas encore mesurées : elles le sont quand les"
        " relevés des heures prévues arrivent.",
        "en": "This counter’s errors are not measured yet: they are when the readings of the hours"
        " forecast arrive.",
    },
    "errors": {
        "fr": "De combien la prévision s’est-elle trompée ?",
        "en": "How far off were we?",
    },
    "errors.words": {
        "fr": "{centre}, du {first} au {last} : écart moyen entre prévision et comptage, en"
        " véhicules par heure, et ce qu’auraient fait deux règles sans modèle : répéter la dernière"
        " heure connue (« comme maintenant »), ou la même heure de la semaine d’avant.",
        "en": "{centre}, {first} to {last}: the mean gap between forecast and count, in vehicles an"
        " hour, and what two rules without a model would have done: repeat the last hour known (“as"
        " now”), or the same hour of the week before.",
    },
    "errors.off": {"fr": "± {mae}", "en": "± {mae}"},
    "errors.now.less": {
        "fr": "{share} de moins que « comme maintenant ».",
        "en": "{share} less than “as now”.",
    },
    "errors.now.more": {
        "fr": "{share} de plus que « comme maintenant ».",
        "en": "{share} more than “as now”.",
    },
    "errors.now.same": {
        "fr": "Autant que « comme maintenant ».",
        "en": "The same as “as now”.",
    },
    "errors.week.less": {
        "fr": "{share} de moins que la semaine d’avant.",
        "en": "{share} less than the week before.",
    },
    "errors.week.more": {
        "fr": "{share} de plus que la semaine d’avant.",
        "en": "{share} more than the week before.",
    },
    "errors.week.same": {
        "fr": "Autant que la semaine d’avant.",
        "en": "The same as the week before.",
    },
    "errors.mae": {"fr": "Nos prévisions", "en": "Our forecasts"},
    "errors.persistence_mae": {"fr": "« Comme maintenant »", "en": "“As now”"},
    "errors.week_before_mae": {
        "fr": "« Comme il y a une semaine »",
        "en": "“As a week before”",
    },
    "errors.axis": {"fr": "Erreur moyenne (véhicules)", "en": "Mean error (vehicles)"},
    "errors.alt": {
        "fr": "Erreur moyenne par heures d’avance, {centre} : {first} véhicules 1 heure à l’avance,"
        " {last} à {hours} heures. Les mêmes nombres sont dans le tableau.",
        "en": "Mean error by hours ahead, {centre}: {first} vehicles 1 hour ahead, {last} at {hours}"
        " hours. The same numbers are in the table.",
    },
    "errors.caption": {
        "fr": "Plus bas, c’est mieux. L’erreur moyenne absolue (MAE) est celle des 60 derniers jours"
        " qui ont des relevés.",
        "en": "Lower is better. The mean absolute error (MAE) is that of the newest 60 days with"
        " readings.",
    },
    "errors.table": {"fr": "Tableau des erreurs", "en": "Table of errors"},
    "record.none@hour": {
        "fr": "Pas encore mesuré : il faut que les heures prévues soient passées et leurs relevés"
        " arrivés.",
        "en": "Not measured yet: the forecast hours have to pass, and their readings to arrive.",
    },
    "record.counted@hour": {
        "fr": "Mesuré sur {n} prévisions de tous les {places}, pour les jours du {first} au {last} ;"
        " une heure compte autant de fois qu’elle a été prévue, jusqu’à 24 fois.",
        "en": "Measured on {n} forecasts of all {places}, for the days from {first} to {last}; an"
        " hour counts as often as it was forecast, up to 24 times.",
    },
    "record.by.horizon@hour": {"fr": "Par nombre d’heures à l’avance", "en": "By hours ahead"},
    "record.lowest": {
        "fr": "Les {shown} {places} où la fourchette a le moins tenu, sur {all}.",
        "en": "The {shown} {places} whose range held least, of {all}.",
    },
    "traffic.credit": {
        "fr": "Relevés des compteurs parisiens : Ville de Paris, sous licence [ODbL]({url}).",
        "en": "Readings of Paris counters: Ville de Paris, under the [ODbL]({url}) licence.",
    },
    "traffic.simulated": {
        "fr": "Données simulées : ces compteurs et ces relevés n’existent pas.",
        "en": "Simulated data: these counters and readings do not exist.",
    },
    # Page Trips; `key@trip` is what a flow of trips says in place of `key`
    "trips.title": {"fr": "Courses", "en": "Trips"},
    "trips.no_centres": {
        "fr": "La liste des arrondissements est vide : ils viennent du fichier des zones de la section `[trips]` des sources.",
        "en": "The list of boroughs is empty: they come from the zones file of the section `[trips]` of the sources.",
    },
    "trips.empty.title": {"fr": "Aucune course pour l’instant.", "en": "No trips yet."},
    "trips.empty.body": {
        "fr": "La base de données répond, mais aucune course n’y est. L’équipe qui exploite la plateforme peut en charger avec `flow backfill trips --from 2025-01-01 --to 2025-02-28`.",
        "en": "The database answers, but it holds no trip. The team that runs the platform can load some with `flow backfill trips --from 2025-01-01 --to 2025-02-28`.",
    },
    "trips.borough": {"fr": "Arrondissement de départ", "en": "Borough of the pickup"},
    "trips.all": {"fr": "Tous les arrondissements", "en": "All boroughs"},
    "unknown.centre@trip": {
        "fr": "L’arrondissement « {asked} » de l’adresse n’existe pas : voici {shown}.",
        "en": "There is no borough “{asked}” as the address says: this is {shown}.",
    },
    "trips.period": {"fr": "Période", "en": "Period"},
    "trips.days": {"fr": "Les {n} derniers jours", "en": "The newest {n} days"},
    "trips.stamp": {
        "fr": "Courses du {first} au {last} (jours UTC) · dernière course : {newest} · dernières durées annoncées : {scored} · modèle : {model}",
        "en": "Trips from {first} to {last} (UTC days) · newest trip: {newest} · newest times said: {scored} · model: {model}",
    },
    "trips.stale": {
        "fr": "**Ces courses datent.** La plus récente est du {day}, il y a {age} jours : cette page ne dit rien de ce qui s’est passé depuis. Certaines villes ne publient leurs courses qu’après des semaines ; sinon, prévenez l’équipe qui exploite la plateforme.",
        "en": "**These trips are old.** The newest is from {day}, {age} days ago: this page says nothing of what happened since. Some cities publish their trips only after weeks; if yours does not, tell the team that runs the platform.",
    },
    "trips.unscored": {
        "fr": "Les courses d’après le {day} n’ont pas encore de durée annoncée : les erreurs ci-dessous ne les comptent pas.",
        "en": "The trips after {day} have no time said yet: the errors below do not count them.",
    },
    "trips.unscored.all": {
        "fr": "Aucune course n’a encore de durée annoncée : durées et nombres sont là, les erreurs non.",
        "en": "No trip has a time said yet: durations and counts are here, errors are not.",
    },
    "trips.fallback": {
        "fr": "**Une partie des durées vient du repli** ({shares} des courses) : aucun modèle n’avait encore été appris avant ces jours-là, une simple moyenne a parlé. Les erreurs ci-dessous sont en partie les siennes.",
        "en": "**Some of the times come from the fallback** ({shares} of the trips): no model had been trained before those days yet, a plain mean spoke. The errors below are partly its own.",
    },
    "trips.none": {
        "fr": "Aucune course n’a commencé ici du {first} au {last} : {place}. Choisissez une période plus longue ou un autre arrondissement.",
        "en": "No trip began here from {first} to {last}: {place}. Choose a longer period or another borough.",
    },
    "trips.kpi": {"fr": "{place}, du {first} au {last}", "en": "{place}, {first} to {last}"},
    "trips.kpi.minutes": {"fr": "Durée moyenne d’une course", "en": "Mean duration of a trip"},
    "trips.kpi.trips": {"fr": "Courses", "en": "Trips"},
    "trips.kpi.error": {
        "fr": "Erreur typique de la durée annoncée",
        "en": "Typical error of the time said",
    },
    "trips.kpi.inside": {
        "fr": "Durée réelle dans la fourchette",
        "en": "Real time inside the range",
    },
    "trips.kpi.promised": {"fr": "promis : {promised}", "en": "promised: {promised}"},
    "trips.kpi.unscored": {"fr": "pas encore mesurée", "en": "not measured yet"},
    "trips.kpi.before": {
        "fr": "Écarts : par rapport à la période d’avant, du {first} au {last}. L’erreur typique est l’écart absolu moyen (MAE) du modèle sans distance prévue.",
        "en": "Changes are against the period before, {first} to {last}. The typical error is the mean absolute error (MAE) of the model without a planned distance.",
    },
    "trips.kpi.no_before": {
        "fr": "Pas de comparaison avec la période d’avant : les courses ne commencent que le {day}. L’erreur typique est l’écart absolu moyen (MAE) du modèle sans distance prévue.",
        "en": "No comparison with the period before: trips begin only on {day}. The typical error is the mean absolute error (MAE) of the model without a planned distance.",
    },
    "trips.change.more": {"fr": "{amount} de plus", "en": "{amount} more"},
    "trips.change.less": {"fr": "{amount} de moins", "en": "{amount} less"},
    "trips.change.none": {"fr": "inchangé", "en": "unchanged"},
    "trips.points": {"fr": "{n} points", "en": "{n} points"},
    "trips.minutes": {"fr": "{n} min", "en": "{n} min"},
    "trips.off": {"fr": "± {n} min", "en": "± {n} min"},
    "trips.when": {
        "fr": "Quand les courses durent-elles plus longtemps ?",
        "en": "When do trips take longer?",
    },
    "trips.when.words": {
        "fr": "En semaine, les courses les plus longues partent vers **{slow}** ({slow_minutes} min en moyenne), les plus courtes vers **{quick}** ({quick_minutes} min).",
        "en": "From Monday to Friday the longest trips begin around **{slow}** ({slow_minutes} min on average), the shortest around **{quick}** ({quick_minutes} min).",
    },
    "trips.by.hour": {
        "fr": "Durée moyenne selon l’heure de départ",
        "en": "Mean duration by hour of the pickup",
    },
    "trips.by.weekday": {"fr": "Durée moyenne selon le jour", "en": "Mean duration by weekday"},
    "trips.weekday": {"fr": "Lundi à vendredi", "en": "Monday to Friday"},
    "trips.weekend": {"fr": "Week-end", "en": "Weekend"},
    "trips.local": {
        "fr": "Heures et jours de la ville, au départ de la course.",
        "en": "Hours and weekdays are the city’s, when the trip begins.",
    },
    "trips.axis": {"fr": "Minutes", "en": "Minutes"},
    "trips.axis.said": {"fr": "Minutes annoncées (moyenne)", "en": "Minutes said (mean)"},
    "trips.axis.came": {"fr": "Minutes réelles (moyenne)", "en": "Real minutes (mean)"},
    "trips.hover.hour": {
        "fr": "<b>{hour}</b>, {when}<br>{minutes} min en moyenne<br>{n} courses",
        "en": "<b>{hour}</b>, {when}<br>{minutes} min on average<br>{n} trips",
    },
    "trips.hover.weekday": {
        "fr": "<b>{day}</b><br>{minutes} min en moyenne<br>{n} courses",
        "en": "<b>{day}</b><br>{minutes} min on average<br>{n} trips",
    },
    "trips.hover.step": {
        "fr": "<b>{model}</b><br>annoncé : {said} min, réel : {came} min<br>{share} dans la fourchette<br>{n} courses",
        "en": "<b>{model}</b><br>said: {said} min, real: {came} min<br>{share} inside the range<br>{n} trips",
    },
    "trips.alt.hour": {
        "fr": "Durée moyenne par heure de départ, {place} : de {low} à {high} minutes. Les mêmes nombres sont dans le tableau.",
        "en": "Mean duration by hour of the pickup, {place}: from {low} to {high} minutes. The same numbers are in the table.",
    },
    "trips.alt.weekday": {
        "fr": "Durée moyenne par jour de la semaine, {place}, en minutes : {days}.",
        "en": "Mean duration by weekday, {place}, in minutes: {days}.",
    },
    "trips.alt.real": {
        "fr": "Minutes réelles selon les minutes annoncées, en {n} tranches : l’écart est de {off} minutes au plus. Les mêmes nombres sont dans le tableau.",
        "en": "Real minutes by the minutes said, in {n} steps: they are at most {off} minutes apart. The same numbers are in the table.",
    },
    "trips.hours.table": {"fr": "Tableau des heures", "en": "Table of hours"},
    "trips.pairs": {"fr": "Les trajets les plus fréquents", "en": "The busiest routes"},
    "trips.pairs.body": {
        "fr": "Les {n} trajets de zone à zone qui ont eu le plus de courses ; l’erreur typique est celle du modèle sans distance prévue.",
        "en": "The {n} zone-to-zone routes with most trips; the typical error is that of the model without a planned distance.",
    },
    "trips.models": {"fr": "Que vaut la durée annoncée ?", "en": "How good is the time said?"},
    "trips.models.none": {
        "fr": "Pas encore mesuré : aucune course du {first} au {last} n’a de durée annoncée ({place}).",
        "en": "Not measured yet: no trip from {first} to {last} has a time said ({place}).",
    },
    "trips.models.less": {
        "fr": "Sans distance prévue, le modèle se trompe de **{plain} min** en moyenne. Avec la distance d’un itinéraire, l’erreur est de **{planned} min** : {share} de moins.",
        "en": "Without a planned distance the model is off by **{plain} min** on average. Told the distance of a route, it is off by **{planned} min**: {share} less.",
    },
    "trips.models.same": {
        "fr": "Sans distance prévue, le modèle se trompe de **{plain} min** en moyenne ; avec la distance d’un itinéraire, de **{planned} min** : elle n’apporte rien ici.",
        "en": "Without a planned distance the model is off by **{plain} min** on average; told the distance of a route, by **{planned} min**: it adds nothing here.",
    },
    "trips.models.body": {
        "fr": "Chaque durée a été annoncée par un modèle appris avant le jour de la course. RMSE : une erreur moyenne où les grosses erreurs pèsent plus. R² : la part des différences de durée que le modèle explique, 1 étant parfait et 0 pas mieux que la durée moyenne. Dans la fourchette : la part des courses dont la durée réelle y était, {promised} étant promis ; plus la fourchette est étroite, plus elle est utile.",
        "en": "Each time was said by a model trained before the day of the trip. RMSE: a mean error in which large errors weigh more. R²: the share of the differences between trips that the model explains; 1 is perfect, 0 no better than the mean duration. Inside the range: the share of trips whose real time was in it, {promised} being promised; the narrower the range, the more useful.",
    },
    "trips.model.default": {"fr": "Sans distance prévue", "en": "Without planned distance"},
    "trips.model.planned_distance": {"fr": "Avec distance prévue", "en": "With planned distance"},
    "trips.diagonal": {"fr": "Annoncé = réel", "en": "Said = real"},
    "trips.real": {"fr": "Annoncé contre réel", "en": "Said against real"},
    "trips.real.body": {
        "fr": "Chaque point réunit les courses dont la durée annoncée tombe dans la même tranche de 5 minutes (à partir de 60 minutes, une seule tranche). Au-dessus de la ligne, elles ont duré plus longtemps qu’annoncé ; au-dessous, moins.",
        "en": "Each mark stands for the trips whose time said falls into the same step of 5 minutes (one step from 60 minutes on). Above the line they took longer than said; below it, less.",
    },
    "trips.real.pale": {
        "fr": " Pâle : moins de {enough} courses.",
        "en": " Pale: fewer than {enough} trips.",
    },
    "trips.real.table": {"fr": "Tableau des tranches", "en": "Table of steps"},
    "trips.simulated": {
        "fr": "Données simulées : ces courses n’ont pas eu lieu.",
        "en": "Simulated data: these trips did not take place.",
    },
    "download.note@trip": {
        "fr": "Le tableau arrondit. Les fichiers ont les mêmes lignes et colonnes, sans arrondi (UTF-8, virgule, point décimal).",
        "en": "The table rounds. The files have the same rows and columns, unrounded (UTF-8, comma, decimal point).",
    },
    "column.local_hour": {"fr": "Heure", "en": "Hour"},
    "column.weekday_minutes": {"fr": "Min, lun.–ven.", "en": "Min, Mon–Fri"},
    "column.weekday_trips": {"fr": "Courses, lun.–ven.", "en": "Trips, Mon–Fri"},
    "column.weekend_minutes": {"fr": "Min, week-end", "en": "Min, weekend"},
    "column.weekend_trips": {"fr": "Courses, week-end", "en": "Trips, weekend"},
    "column.pickup": {"fr": "De", "en": "From"},
    "column.dropoff": {"fr": "À", "en": "To"},
    "column.trips": {"fr": "Courses", "en": "Trips"},
    "column.mean_minutes": {"fr": "Durée moyenne (min)", "en": "Mean duration (min)"},
    "column.mean_distance_km": {"fr": "Distance parcourue (km)", "en": "Driven (km)"},
    "column.trip_mae": {"fr": "Erreur typique (min)", "en": "Typical error (min)"},
    "column.model": {"fr": "Modèle", "en": "Model"},
    "column.rmse@trip": {"fr": "RMSE (min)", "en": "RMSE (min)"},
    "column.r2": {"fr": "R²", "en": "R²"},
    "column.coverage_80@trip": {"fr": "Dans la fourchette", "en": "Inside the range"},
    "column.mean_width_80@trip": {"fr": "Largeur (min)", "en": "Width (min)"},
    "column.from_minutes": {"fr": "Annoncé, à partir de (min)", "en": "Said, from (min)"},
    "column.mean_predicted": {"fr": "Annoncé (min)", "en": "Said (min)"},
    "column.mean_actual": {"fr": "Réel (min)", "en": "Real (min)"},
    # Page Data state
    "state.streams": {"fr": "Flux en direct", "en": "Live streams"},
    "state.streams.body": {
        "fr": "Gardés : lignes écrites ; répétés : messages reçus une seconde fois, sans effet ;"
        " quarantaine : illisibles, mis de côté.",
        "en": "Stored: rows written; repeated: messages received once more, without effect;"
        " quarantined: unreadable, set aside.",
    },
    "column.source": {"fr": "Source", "en": "Source"},
    "column.last_message_at": {"fr": "Dernier message", "en": "Last message"},
    "column.lag": {"fr": "Il y a", "en": "Ago"},
    "column.rows_repeated": {"fr": "Répétés", "en": "Repeated"},
    "state.title": {"fr": "État des données", "en": "Data state"},
    "state.intro": {
        "fr": "Ce que la plateforme a reçu, ce qu’elle en a fait, et quel modèle parle.",
        "en": "What the platform received, what it did with it, and which model speaks.",
    },
    "state.fresh": {"fr": "Fraîcheur", "en": "Freshness"},
    "state.fresh.ok": {
        "fr": "Comptages et prévisions sont à jour.",
        "en": "Counts and forecasts are up to date.",
    },
    "state.fresh.old": {
        "fr": "En retard de plus de {days} jours : {what}. Prévenez l’équipe qui exploite la"
        " plateforme.",
        "en": "More than {days} days behind: {what}. Tell the team that runs the platform.",
    },
    "state.fresh.none": {"fr": "Rien n’a encore été chargé.", "en": "Nothing has been loaded yet."},
    "state.loads": {"fr": "Chargements", "en": "Loads"},
    "state.balance.ok": {
        "fr": "Les comptes tombent juste : {read} lignes lues = {stored} gardées + {quarantined}"
        " mises en quarantaine, en {loads} chargements.",
        "en": "The books balance: {read} rows read = {stored} stored + {quarantined} quarantined,"
        " in {loads} loads.",
    },
    "state.balance.off": {
        "fr": "Les comptes ne tombent pas juste dans {count} chargements : {read} lignes lues,"
        " {stored} gardées, {quarantined} mises en quarantaine. Prévenez l’équipe qui exploite la"
        " plateforme.",
        "en": "The books do not balance in {count} loads: {read} rows read, {stored} stored,"
        " {quarantined} quarantined. Tell the team that runs the platform.",
    },
    "state.loads.none": {"fr": "Aucun chargement.", "en": "No loads."},
    "state.loads.table": {
        "fr": "Les {count} chargements les plus récents",
        "en": "The newest {count} loads",
    },
    "state.broken": {"fr": "Fichiers illisibles", "en": "Broken files"},
    "state.broken.none": {
        "fr": "Aucun : le dernier chargement de chaque fichier a réussi.",
        "en": "None: the newest load of every file went through.",
    },
    "state.broken.some": {
        "fr": "{count} à corriger ; les autres fichiers sont chargés normalement.",
        "en": "{count} to correct; the other files load as usual.",
    },
    "state.model": {"fr": "Modèle en service", "en": "Model in use"},
    "state.model.none": {
        "fr": "Aucun modèle appris pour l’instant : les prévisions viennent du repli.",
        "en": "No trained model yet: forecasts come from the fallback.",
    },
    "state.model.words": {
        "fr": "**{flow}** : `{version}` ({candidate}), appris sur {rows} lignes du {first} au"
        " {last}. À l’essai, erreur de {wape} du volume ; {coverage} des jours dans la fourchette"
        " promise à {promised}.",
        "en": "**{flow}**: `{version}` ({candidate}), trained on {rows} rows from {first} to"
        " {last}. In its backtest, an error of {wape} of the volume; {coverage} of days inside the"
        " range promised at {promised}.",
    },
    "state.model.trips": {
        "fr": "**{flow}** : `{version}` ({candidate}), appris sur {rows} courses du {first} au {last}. À l’essai, une erreur de {mae} minutes en moyenne ; {coverage} des courses dans la fourchette promise à {promised}.",
        "en": "**{flow}**: `{version}` ({candidate}), trained on {rows} trips from {first} to {last}. In its backtest, off by {mae} minutes on average; {coverage} of trips inside the range promised at {promised}.",
    },
    "state.drift": {"fr": "Dérive", "en": "Drift"},
    "state.drift.none": {"fr": "Pas encore mesurée.", "en": "Not measured yet."},
    "state.drift.ok": {
        "fr": "Rien d’inhabituel pour la saison.",
        "en": "Nothing unusual for the season.",
    },
    "state.drift.some": {
        "fr": "Inhabituel pour la saison : {what}.",
        "en": "Unusual for the season: {what}.",
    },
    "state.drift.table": {"fr": "Les {count} mesures", "en": "All {count} readings"},
    "state.drift.body": {
        "fr": "Les dernières semaines sont comparées à la même saison des années passées (PSI). Une"
        " dérive ne dit pas que la prévision est fausse : elle dit que le monde a changé, et qu’il"
        " faut la regarder de plus près.",
        "en": "The last weeks are compared with the same season of past years (PSI). Drift does not"
        " say that the forecast is wrong: it says that the world has changed, and that it deserves"
        " a closer look.",
    },
    "status.ok": {"fr": "stable", "en": "stable"},
    "status.drift": {"fr": "dérive", "en": "drift"},
    "status.insufficient": {"fr": "trop peu de données", "en": "too little data"},
    "fresh.yes": {"fr": "à jour", "en": "up to date"},
    "fresh.no": {"fr": "en retard", "en": "behind"},
    "balance.yes": {"fr": "juste", "en": "balances"},
    "balance.no": {"fr": "ÉCART", "en": "OFF"},
    "dataset.actuals": {"fr": "comptages", "en": "counts"},
    "dataset.predictions": {"fr": "prévisions", "en": "forecasts"},
    "flow.parcels": {"fr": "colis", "en": "parcels"},
    "flow.traffic": {"fr": "trafic routier", "en": "road traffic"},
    "feature.vehicles": {"fr": "véhicules", "en": "vehicles"},
    "feature.occupancy": {"fr": "taux d’occupation", "en": "occupancy"},
    "candidate.profile_ar": {"fr": "heure de la semaine et AR(1)", "en": "hour of week and AR(1)"},
    "flow.trips": {"fr": "courses", "en": "trips"},
    "feature.default": {"fr": "sans distance prévue", "en": "without planned distance"},
    "feature.planned_distance": {"fr": "avec distance prévue", "en": "with planned distance"},
    "feature.trips": {"fr": "courses", "en": "trips"},
    "feature.minutes": {"fr": "durée", "en": "duration"},
    "feature.distance_km": {"fr": "distance parcourue", "en": "distance driven"},
    "candidate.zone_pair_mean": {"fr": "moyenne du trajet", "en": "mean of the zone pair"},
    "candidate.gradient_boosting": {"fr": "arbres scikit-learn", "en": "scikit-learn trees"},
    "flow.retail": {"fr": "boutique", "en": "retail"},
    "feature.quantity": {"fr": "articles", "en": "pieces"},
    "feature.invoices": {"fr": "factures", "en": "invoices"},
    "feature.revenue": {"fr": "chiffre d’affaires", "en": "revenue"},
    "feature.parcels": {"fr": "colis", "en": "parcels"},
    "feature.temperature_mean": {"fr": "température", "en": "temperature"},
    "feature.precipitation_mm": {"fr": "pluie", "en": "rain"},
    "feature.wind_max_kmh": {"fr": "vent", "en": "wind"},
    "candidate.lightgbm": {"fr": "arbres LightGBM", "en": "LightGBM trees"},
    "candidate.effects": {"fr": "niveau et effets", "en": "level and effects"},
    "candidate.blend": {"fr": "mélange", "en": "blend"},
    "candidate.lstm": {"fr": "réseau LSTM", "en": "LSTM network"},
    "candidate.sarima": {"fr": "SARIMA", "en": "SARIMA"},
    "candidate.seasonal_naive": {"fr": "même jour passé", "en": "same past weekday"},
    "column.flow": {"fr": "Flux", "en": "Flow"},
    "column.dataset": {"fr": "Données", "en": "Data"},
    "column.newest_day": {"fr": "Dernier jour", "en": "Newest day"},
    "column.newest_at": {"fr": "Connu le", "en": "Known since"},
    "column.rows": {"fr": "Lignes", "en": "Rows"},
    "column.state": {"fr": "État", "en": "State"},
    "column.loaded_at": {"fr": "Chargé le", "en": "Loaded"},
    "column.file": {"fr": "Fichier", "en": "File"},
    "column.rows_read": {"fr": "Lues", "en": "Read"},
    "column.rows_stored": {"fr": "Gardées", "en": "Stored"},
    "column.rows_quarantined": {"fr": "Quarantaine", "en": "Quarantined"},
    "column.balance": {"fr": "Compte", "en": "Balance"},
    "column.error": {"fr": "Erreur", "en": "Error"},
    "column.centre": {"fr": "Centre", "en": "Centre"},
    "column.feature": {"fr": "Donnée", "en": "Quantity"},
    "column.psi": {"fr": "PSI", "en": "PSI"},
    "column.psi_critical": {"fr": "Seuil", "en": "Limit"},
}


def speaker(language: Language, *, step: str = "day", **usual: str) -> Say:
    """`say(key, **values)` in one language; `usual` are values that a whole page has in common.

    Where a text has another wording for flows of this `step`, under `key@step`, that one is said.
    Raises KeyError for a text that does not exist.
    """

    def say(key: str, **values: str) -> str:
        key = f"{key}@{step}" if f"{key}@{step}" in _TEXTS else key
        return _typeset(_TEXTS[key][language], language).format(**{**usual, **values})

    return say


def name_of(kind: str, name: str, language: Language) -> str:
    """The word for a flow, feature, candidate ...; a name the app does not know stays as it is."""
    entry = _TEXTS.get(f"{kind}.{name}")
    return _typeset(entry[language], language) if entry else name


def _typeset(text: str, language: Language) -> str:
    """French puts a space before high punctuation, on which a line must not break."""
    if language != "fr":
        return text
    return re.sub(r" ([;:?!»%])", "\u202f\\1", text).replace("« ", "«\u202f")


def keys() -> list[str]:
    """Every text there is."""
    return list(_TEXTS)


def both(key: str) -> dict[Language, str]:
    """A text in each language, unfilled."""
    return dict(_TEXTS[key])
