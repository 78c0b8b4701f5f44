// Project Settings > Plugins > Dreamport.

#pragma once

#include "CoreMinimal.h"
#include "Engine/DeveloperSettings.h"
#include "DreamportSettings.generated.h"

class UMaterialInterface;

/** How this project reaches a backend. */
UCLASS(Config = Game, DefaultConfig, meta = (DisplayName = "Dreamport"))
class DREAMPORT_API UDreamportSettings : public UDeveloperSettings
{
	GENERATED_BODY()

public:
	/** host:port of the backend. A loopback address needs neither TLS nor a token. */
	UPROPERTY(Config, EditAnywhere, Category = "Connection")
	FString Address = TEXT("127.0.0.1:50700");

	/** Encrypt. Every address but loopback needs it. */
	UPROPERTY(Config, EditAnywhere, Category = "Connection")
	bool bUseTls = false;

	/** PEM file with the certificates to trust; empty takes the system's. */
	UPROPERTY(Config, EditAnywhere, Category = "Connection", meta = (EditCondition = "bUseTls"))
	FString CertificateFile;

	/** Name the certificate must bear; empty takes the address's host. */
	UPROPERTY(Config, EditAnywhere, Category = "Connection", meta = (EditCondition = "bUseTls"))
	FString ServerName;

	/** File that holds the token; the token itself is never stored in the project. */
	UPROPERTY(Config, EditAnywhere, Category = "Connection")
	FString TokenFile;

	/** Start a backend on this machine when none answers at a loopback address. */
	UPROPERTY(Config, EditAnywhere, Category = "Backend")
	bool bStartBackend = true;

	/** Command that starts it: a name on the PATH or a full path. */
	UPROPERTY(Config, EditAnywhere, Category = "Backend", meta = (EditCondition = "bStartBackend"))
	FString BackendCommand = TEXT("dreamport");

	/** Added to `serve --json --port N --exit-with PID`, for instance `--executor torch`. */
	UPROPERTY(Config, EditAnywhere, Category = "Backend", meta = (EditCondition = "bStartBackend"))
	FString BackendArguments;

	/** Material of screens and portals; see the plugin's README for its graph. Tools > Dreamport > Make Screen Material makes it. */
	UPROPERTY(Config, EditAnywhere, Category = "Screen")
	TSoftObjectPtr<UMaterialInterface> ScreenMaterial = TSoftObjectPtr<UMaterialInterface>(FSoftObjectPath(TEXT("/Game/Dreamport/M_DreamportScreen.M_DreamportScreen")));

	//~ Begin UDeveloperSettings
	virtual FName GetCategoryName() const override;
	//~ End UDeveloperSettings
};
